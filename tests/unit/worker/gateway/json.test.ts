import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkMessage, idOf, parseJson } from '../../../../worker/gateway/http/json';
import { fairNow } from '../../../support/fair-clock';

const parse = (text: string, depth = 64, keys = 1000) => parseJson(Buffer.from(text), depth, keys);

describe('the body', () => {
  it('is parsed as JSON.parse would, within the limits', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 10 }), (text) => {
        expect(parse(text, 64, 100_000)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('may be nested 64 deep and no deeper; brackets and colons in strings do not count', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(() => parse(nested(64))).not.toThrow();
    expect(() => parse(nested(65))).toThrow(/nested deeper/);
    const text = JSON.stringify({ a: `${nested(500)}${':'.repeat(2000)}"\\"[[[`, b: '\\' });
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  it('may have so many keys and no more', () => {
    const keys = (count: number) => JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, i) => [i, 1])));
    expect(() => parse(keys(1000))).not.toThrow();
    expect(() => parse(keys(1001))).toThrow(/more than 1000 keys/);
  });

  it('an unending string of backslashes takes no time', () => {
    const startedAt = fairNow();
    expect(() => parse(`"${'\\'.repeat(1_000_000)}`)).toThrow(/not valid JSON/);
    expect(() => parse(`"${'\\"'.repeat(500_000)}`)).toThrow(/not valid JSON/);
    expect(fairNow() - startedAt).toBeLessThan(500);
  });
});

describe('a message', () => {
  it('keeps what it holds', () => {
    const params = { name: 'x', future: 1 };
    expect(checkMessage({ jsonrpc: '2.0', id: 0, method: 'a', params })).toEqual({ id: 0, method: 'a', params });
    expect(checkMessage({ jsonrpc: '2.0', method: 'a' })).toEqual({ id: undefined, method: 'a', params: undefined });
    expect(checkMessage({ jsonrpc: '2.0', id: 'x', result: {} })).toEqual({ id: 'x', result: {} });
  });

  it.each([
    null,
    1,
    'x',
    [],
    {},
    { jsonrpc: '2.0' },
    { jsonrpc: '2.0', id: {}, method: 'a' },
    { jsonrpc: '2.0', id: 1, method: '' },
  ])('that is %j is refused', (value) => {
    expect(() => checkMessage(value)).toThrow();
  });

  it('only an id that can be repeated is repeated', () => {
    expect([idOf({ id: 'a' }), idOf({ id: 5 }), idOf({ id: 1.5 }), idOf({ id: null }), idOf(3), idOf(null)]).toEqual([
      'a',
      5,
      null,
      null,
      null,
      null,
    ]);
  });
});
