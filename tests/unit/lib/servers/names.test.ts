// Making foreign names legal.
import { describe, expect, it } from 'vitest';
import { freeName, legalName } from '../../../../lib/servers/names';
import { nameSchema } from '../../../../lib/servers/schema';

describe('names', () => {
  it.each([
    ['My Server (v2)', 'My-Server-v2'],
    ['io.github.user/tool', 'io-github-user-tool'],
    ['__proto__', 'proto__'],
    ['Größe', 'Gro-e'],
    ['漢字', 'server'],
    ['sse', 'sse-server'],
    ['../../etc', 'etc'],
    ['x'.repeat(200), 'x'.repeat(63)],
    ['', 'server'],
  ])('%j becomes %j', (foreign, expected) => {
    expect(legalName(foreign)).toBe(expected);
    expect(nameSchema.safeParse(legalName(foreign)).success).toBe(true);
  });

  it('a taken name gets a number and stays legal', () => {
    const taken = new Set(['a', 'a-2', 'x'.repeat(63)]);
    expect(freeName('A', (name) => taken.has(name.toLowerCase()))).toBe('A-3');
    const long = freeName('x'.repeat(63), (name) => taken.has(name));
    expect(long).toBe(`${'x'.repeat(61)}-2`);
  });
});
