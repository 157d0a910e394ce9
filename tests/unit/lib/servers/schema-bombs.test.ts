// Schemas that are made to cost time or stack: looked at by whoever meets them, and refused by themselves alone.
import { describe, expect, it } from 'vitest';
import { isDeeperThan } from '../../../../lib/json-depth';
import { checkSchema } from '../../../../lib/servers/schema-check';
import { createArgumentCheck } from '../../../../worker/argument-check';
import { listAll, type Upstream } from '../../../../worker/upstream';
import { readHeaderParams } from '../../../../worker/upstream/header-params';

type Keyword = 'anyOf' | 'properties' | 'not' | 'items';

function nested(keyword: Keyword, depth: number): Record<string, unknown> {
  let schema: Record<string, unknown> = { type: 'string' };
  for (let level = 0; level < depth; level += 1) {
    if (keyword === 'anyOf') schema = { anyOf: [schema] };
    else schema = { [keyword]: keyword === 'properties' ? { a: schema } : schema };
  }
  return { type: 'object', ...schema };
}

/** The least of some tries: another program's load can only make it longer. */
function leastMs(run: () => unknown): number {
  const tries = [1, 2, 3].map(() => {
    const begun = performance.now();
    run();
    return performance.now() - begun;
  });
  return Math.min(...tries);
}

const keywords: Keyword[] = ['anyOf', 'properties', 'not', 'items'];

describe('a schema of 10,000 levels', () => {
  it.each(keywords)('of "%s" is looked at in less than 100 ms, and exhausts no stack [T-BOMB-01]', (keyword) => {
    const bomb = nested(keyword, 10_000);
    expect(leastMs(() => expect(checkSchema(bomb).fault).toMatch(/nested deeper than 200 levels/))).toBeLessThan(100);
    expect(leastMs(() => readHeaderParams(bomb))).toBeLessThan(100);
  });

  it('keeps only its own tool out of the list [T-BOMB-01]', async () => {
    const tool = (name: string, inputSchema: unknown) => ({ name, inputSchema });
    const plain = { type: 'object' };
    const tools = [
      tool('first', plain),
      ...keywords.map((each) => tool(each, nested(each, 10_000))),
      tool('last', plain),
    ];
    const wrapped = { ...tool('output', plain), outputSchema: nested('anyOf', 10_000) };
    const annotated = { ...tool('annotated', plain), annotations: nested('anyOf', 10_000) };
    const upstream = {
      handshake: { capabilities: { tools: {} } },
      call: () => ({ answer: Promise.resolve({ kind: 'result', value: { tools: [...tools, wrapped, annotated] } }) }),
    } as unknown as Upstream;
    const begun = performance.now();
    const listing = await listAll(upstream);
    expect(performance.now() - begun).toBeLessThan(1_000);
    expect(listing.tools.map(({ name }) => name)).toEqual(['first', 'last']);
    expect(listing.faults.map(({ name, reason }) => [name, reason])).toEqual(
      [...keywords, 'output', 'annotated'].map((name) => [name, 'It is nested deeper than 200 levels.']),
    );
  });
});

describe('a wide schema', () => {
  it('of 20,000 alternatives, and patterns that take exponential time, are looked at in less than 100 ms [T-BOMB-01]', () => {
    const anyOf = Array.from({ length: 20_000 }, (_, at) => ({ const: at }));
    expect(leastMs(() => checkSchema({ type: 'object', anyOf }))).toBeLessThan(100);
    // A pattern is compiled to see whether it can be, and never run.
    expect(leastMs(() => checkSchema({ type: 'string', pattern: '^(([a-z])+.)+[A-Z]([a-z])+$' }))).toBeLessThan(100);
  });
});

describe('a pattern that takes exponential time', () => {
  it('is left to the API that wrote it: arguments are not held against it here [T-BOMB-02]', () => {
    const text = { type: 'string', pattern: '^(a+)+$' };
    const schema = { type: 'object', properties: { text }, patternProperties: { '^(b+)+$': text } };
    const check = createArgumentCheck(schema);
    expect(leastMs(() => check({ text: `${'a'.repeat(40)}!`, [`${'b'.repeat(40)}!`]: 1 }))).toBeLessThan(100);
  });
});

describe('the depth of JSON', () => {
  it.each([
    ['text', 0, false],
    [{}, 0, false],
    [{ a: 1 }, 0, false],
    [{ a: {} }, 0, true],
    [[[[]]], 2, false],
    [[[[]]], 1, true],
    [{ a: [{ b: 1 }], c: 1 }, 2, false],
    [{ a: [{ b: [] }], c: 1 }, 2, true],
  ])('%j is deeper than %i: %s', (value, max, deeper) => {
    expect(isDeeperThan(value, max)).toBe(deeper);
  });
});
