// Faults of the servers file have a place.
import { describe, expect, it } from 'vitest';
import { parseConfigFile } from '../../../../lib/servers/config-file';

describe('parseConfigFile', () => {
  it.each([
    ['', 'line 1, column 1'],
    ['{\n  "mcpServers": {\n    "a": { "command": "x", }\n    "b": {}\n} }', 'line 4, column 5 in the entry "b"'],
    ['{\r\n"mcpServers": {\r\n"a": { "command": "x }\r\n}}', 'line 3, column 19 in the entry "a"'],
    ['[1, 2]', 'line 1, column 1'],
    ['{ "a": 5 }', 'line 1, column 1'],
  ])('text that cannot be used as a whole (%j) is one fault with its place', (text, place) => {
    const { entries, faults } = parseConfigFile(text);
    expect(entries).toBeNull();
    expect(faults).toEqual([expect.stringContaining(place)]);
  });

  it('an empty file of servers is good', () => {
    expect(parseConfigFile('{"mcpServers": {}}')).toEqual({ entries: [], faults: [] });
    expect(parseConfigFile('{}')).toEqual({ entries: [], faults: [] });
  });

  it('each bad entry is named with its place; the good ones go on', () => {
    const { entries, faults } = parseConfigFile(`{ "mcpServers": {
  "good": { "command": "x" },
  "number": 5,
  "empty": {},
  "types": { "command": "x", "args": "not a list" },
  "good": { "command": "again" },
  "old": { "url": "http://h/sse" },
  "era": { "command": "x", "era": "ancient" },
  "time": { "url": "http://h/", "timeout": 9999999 }
} }`);
    expect(entries?.map(({ name, server }) => [name, server !== null])).toEqual([
      ['good', true],
      ['number', false],
      ['empty', false],
      ['types', false],
      ['old', true],
      ['era', false],
      ['time', false],
    ]);
    expect(faults.map((fault) => fault.match(/^line (\d+), column (\d+): the entry "(\w+)"/)?.slice(1))).toEqual([
      ['3', '13', 'number'],
      ['4', '12', 'empty'],
      ['5', '38', 'types'],
      ['6', '3', 'good'],
      ['8', '35', 'era'],
      ['9', '44', 'time'],
    ]);
  });

  it('names that become equal when made legal stay apart', () => {
    const { entries } = parseConfigFile('{"mcpServers": {"a b": {"command": "x"}, "a/b": {"command": "y"}}}');
    expect(entries?.map(({ name, label }) => [name, label])).toEqual([
      ['a-b', 'a b'],
      ['a-b-2', 'a/b'],
    ]);
  });

  it('a variable that would load foreign code is a fault of its entry, at its place', () => {
    const names = ['NODE_OPTIONS', 'node_options', 'LD_PRELOAD', 'DYLD_INSERT_LIBRARIES', 'BASH_ENV'];
    for (const name of names) {
      const { entries, faults } = parseConfigFile(`{"mcpServers": {
  "bad": { "command": "x", "environment": { "${name}": "y" } },
  "good": { "command": "x", "env": { "NODE_ENV": "test", "LDAP_URL": "z" } }
}}`);
      expect(entries?.map(({ server }) => server !== null)).toEqual([false, true]);
      expect(faults).toEqual([
        expect.stringMatching(`^line 2, column 43: the entry "bad" .*"environment.${name}": is refused`),
      ]);
    }
  });

  it('takes limits, and names one that is wrong', () => {
    const { entries, faults } = parseConfigFile(`{"mcpServers": {
  "good": { "command": "x", "limits": { "memoryMb": 512, "restartsPerHour": 3 } },
  "odd": { "command": "x", "limits": { "memoryMb": "512 MB" } },
  "typo": { "command": "x", "limits": { "memory": 512 } },
  "remote": { "url": "http://h/mcp", "limits": { "memoryMb": 512 } }
}}`);
    expect(entries?.map(({ server }) => server?.limits)).toEqual([
      { memoryMb: 512, restartsPerHour: 3 },
      undefined,
      undefined,
      undefined,
    ]);
    expect(faults).toEqual([
      expect.stringContaining('line 3, column 38: the entry "odd" has a fault: "limits.memoryMb"'),
      expect.stringContaining('the entry "typo" has a fault: "limits"'),
      expect.stringContaining('the entry "remote" has a fault: "limits"'),
    ]);
  });
});
