import { describe, expect, it } from 'vitest';
import { healthSentence } from '../../../../app/(dashboard)/_overview/health';
import { plainText } from '../../../../app/(dashboard)/servers/[name]/plain-text';
import { targetOf } from '../../../../app/(dashboard)/servers/shown-server';

describe('the sentence of health', () => {
  it.each([
    [[], 'No servers yet.'],
    [['ready'], 'The server is ready.'],
    [['ready', 'ready'], 'All 2 servers are ready.'],
    [['ready', 'stopped', 'needs-auth', 'crashed'], '1 of 4 servers ready, 1 crashed, 1 needs sign-in, 1 stopped.'],
    [['ready', null], '1 of 2 servers ready, 1 unknown.'],
    [[null], 'The state of 1 server is not known right now.'],
  ] as const)('of %j is "%s"', (states, sentence) => {
    expect(healthSentence(states)).toBe(sentence);
  });
});

describe('a line of a log', () => {
  it.each([
    ['\u001b[32minfo\u001b[0m done', 'info done'],
    ['\u001b]8;;http://evil.example\u0007link\u001b]8;;\u0007', 'link'],
    ['\u001b[2K\rprogress\u0000\u0007', 'progress'],
    ['tab\tstays, 中文 too', 'tab\tstays, 中文 too'],
  ])('%j is shown as %j', (line, shown) => {
    expect(plainText(line)).toBe(shown);
  });
});

it('a command line is shown so that it could be pasted', () => {
  const line = targetOf({ type: 'stdio', command: 'npx', args: ['-y', 'a b', 'it"s', ''], url: null });
  expect(line).toBe('npx -y "a b" "it\\"s" ""');
});
