// Everything that people paste, one row per client.
import { describe, expect, it } from 'vitest';
import { readPasted } from '../../../../lib/servers/import';

const stdio = { type: 'stdio', command: 'npx', args: ['-y', 'pkg'] };
const remote = { type: 'streamable-http', url: 'https://h.example/mcp' };
const entry = { command: 'npx', args: ['-y', 'pkg'] };

const rows: [what: string, pasted: unknown, title: string, servers: Record<string, unknown>][] = [
  ['Claude Desktop', { mcpServers: { a: entry } }, 'mcpServers (Claude, Cursor and others)', { a: stdio }],
  [
    'Claude Code, remote',
    { mcpServers: { a: { type: 'http', url: remote.url } } },
    'mcpServers (Claude, Cursor and others)',
    { a: remote },
  ],
  [
    'Cursor, remote',
    { mcpServers: { a: { url: remote.url, headers: { A: 'b' } } } },
    'mcpServers (Claude, Cursor and others)',
    { a: { ...remote, headers: { A: 'b' } } },
  ],
  ['VS Code', { servers: { a: { type: 'stdio', ...entry } }, inputs: [] }, 'VS Code (mcp.json)', { a: stdio }],
  ['VS Code settings', { mcp: { servers: { a: entry } } }, 'VS Code (settings.json)', { a: stdio }],
  [
    'Zed',
    { context_servers: { a: { source: 'custom', enabled: true, ...entry } } },
    'Zed (settings.json)',
    { a: { ...stdio, enabled: true } },
  ],
  ['Amp', { 'amp.mcpServers': { a: entry } }, 'Amp (settings.json)', { a: stdio }],
  [
    'OpenCode',
    { mcp: { a: { type: 'local', command: ['npx', '-y', 'pkg'], environment: { A: 'b' } } } },
    'OpenCode (opencode.json)',
    { a: { ...stdio, env: { A: 'b' } } },
  ],
  ['OpenCode, remote', { mcp: { a: { type: 'remote', url: remote.url } } }, 'OpenCode (opencode.json)', { a: remote }],
  ['Crush', { mcp: { a: { type: 'http', url: remote.url } } }, 'Crush (crush.json)', { a: remote }],
  [
    'Gemini CLI',
    { mcpServers: { a: { httpUrl: remote.url, timeout: 5000 } } },
    'Gemini CLI (settings.json)',
    { a: { ...remote, timeoutMs: 5000 } },
  ],
  ['Windsurf', { mcpServers: { a: { serverUrl: remote.url } } }, 'Windsurf (mcp_config.json)', { a: remote }],
  [
    'Cherry Studio',
    { mcpServers: { a: { type: 'streamableHttp', baseUrl: remote.url } } },
    'Cherry Studio',
    { a: remote },
  ],
  [
    'Cline',
    { mcpServers: { a: { type: 'streamableHttp', url: remote.url, disabled: true } } },
    'Cline',
    { a: { ...remote, enabled: false } },
  ],
  [
    'Copilot CLI',
    { mcpServers: { a: { type: 'local', ...entry, tools: ['*'] } } },
    'Copilot CLI (mcp-config.json)',
    { a: stdio },
  ],
  [
    'an array with names',
    { mcpServers: [{ name: 'a', ...entry }] },
    'mcpServers (Claude, Cursor and others)',
    { a: stdio },
  ],
  ['a bare map', { a: entry, b: { url: remote.url } }, 'a map of servers', { a: stdio, b: remote }],
  ['one bare entry', entry, 'one server', { '': stdio }],
  [
    'a line out of the middle of a file',
    '"a": {"command": "npx", "args": ["-y", "pkg"]},',
    'a map of servers',
    { a: stdio },
  ],
  [
    'comments and trailing commas',
    '{ // mine\n "mcpServers": { "a": { "command": "npx", "args": ["-y", "pkg",], }, } }',
    'mcpServers (Claude, Cursor and others)',
    { a: stdio },
  ],
  [
    'a URL',
    'https://mcp.linear.app/mcp',
    'a URL',
    { linear: { type: 'streamable-http', url: 'https://mcp.linear.app/mcp' } },
  ],
  [
    'claude mcp add, remote',
    'claude mcp add --transport http a https://h.example/mcp --header "Authorization: Bearer t"',
    'claude mcp add',
    { a: { ...remote, headers: { Authorization: 'Bearer t' } } },
  ],
  [
    'claude mcp add, stdio',
    'claude mcp add a -e K=v -- npx -y pkg',
    'claude mcp add',
    { a: { ...stdio, env: { K: 'v' } } },
  ],
  [
    'claude mcp add, over lines',
    'claude mcp add \\\n  --scope user a \\\n  -- npx -y pkg',
    'claude mcp add',
    { a: { ...stdio, env: {} } },
  ],
  [
    'claude mcp add-json',
    `claude mcp add-json a '{"command":"npx","args":["-y","pkg"]}'`,
    'claude mcp add-json',
    { a: stdio },
  ],
  ['codex mcp add', 'codex mcp add a --url https://h.example/mcp', 'codex mcp add', { a: { ...remote, headers: {} } }],
  [
    'an npx line',
    'npx -y @modelcontextprotocol/server-memory@1.2',
    'a npx command',
    { memory: { type: 'stdio', command: 'npx', args: ['-y', '@modelcontextprotocol/server-memory@1.2'], env: {} } },
  ],
  [
    'a uvx line with a variable',
    'KEY=v uvx mcp-server-git --repository "/my repo"',
    'a uvx command',
    { git: { type: 'stdio', command: 'uvx', args: ['mcp-server-git', '--repository', '/my repo'], env: { KEY: 'v' } } },
  ],
  [
    'a docker line',
    'docker run -i --rm -e T ghcr.io/github/github-mcp-server:1',
    'a docker command',
    {
      github: {
        type: 'stdio',
        command: 'docker',
        args: ['run', '-i', '--rm', '-e', 'T', 'ghcr.io/github/github-mcp-server:1'],
        env: {},
      },
    },
  ],
];

describe('readPasted', () => {
  it.each(rows)('%s is recognised and read', (_what, pasted, title, servers) => {
    const result = readPasted(typeof pasted === 'string' ? pasted : JSON.stringify(pasted));
    expect(result.title).toBe(title);
    expect(result.entries.map(({ read }) => read.fault)).toEqual(result.entries.map(() => null));
    expect(Object.fromEntries(result.entries.map(({ name, read }) => [name ?? '', read.server]))).toEqual(servers);
  });

  it.each([
    ['an unknown type', { mcpServers: { a: { type: 'websocket', url: 'https://h/x' } } }, 'websocket'],
    ['neither command nor url', { mcpServers: { a: { args: [] } } }, '"command"'],
  ])('%s is refused with the reason', (_what, pasted, reason) => {
    expect(readPasted(JSON.stringify(pasted)).entries[0]?.read.fault?.detail).toContain(reason);
  });

  it.each([
    ['type "sse"', { mcpServers: { a: { type: 'sse', url: 'https://h/x' } } }],
    ['a URL that ends in /sse', { mcpServers: { a: { url: 'https://h/sse' } } }],
    ['a bare url in a Gemini file', { mcpServers: { a: { url: 'https://h/x' }, b: { httpUrl: 'https://h/y' } } }],
  ])('%s means HTTP+SSE', (_what, pasted) => {
    expect(readPasted(JSON.stringify(pasted)).entries[0]?.read.server).toMatchObject({ type: 'sse' });
  });

  it('keys that we do not know are kept', () => {
    const { entries } = readPasted(
      JSON.stringify({ mcpServers: { a: { ...entry, trust: true, includeTools: ['x'] } } }),
    );
    expect(entries[0]?.read.extra).toEqual({ trust: true, includeTools: ['x'] });
  });

  it.each(['', 'hello world', '{}', '[]', '{"a": 1}', 'rm -rf', '"text"', '{"__proto__": {"x": 1}}'])(
    '%j is not taken for a server',
    (text) => {
      expect(() => readPasted(text)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
    },
  );
});
