import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseInput, parseShape } from '../../../lib/input';

const schema = z.strictObject({
  name: z.string().min(1),
  list: z.array(z.strictObject({ 'a/b': z.number() })).optional(),
});

describe('parseInput', () => {
  it('gives the parsed value', () => {
    expect(parseInput(schema, { name: 'x' })).toEqual({ name: 'x' });
  });

  it('names every wrong place by JSON Pointer', () => {
    const fault = (() => {
      try {
        return parseInput(schema, { name: '', list: [{ 'a/b': 'no' }] }, 'body');
      } catch (error) {
        return error;
      }
    })();
    expect(fault).toMatchObject({ code: 'INVALID_INPUT' });
    const { message, extras } = fault as { message: string; extras: { faults: { pointer: string }[] } };
    expect(extras.faults.map(({ pointer }) => pointer)).toEqual(['/name', '/list/0/a~1b']);
    expect(message).toContain('The body is not valid at /name');
  });

  it.each([[{ name: 'x', role: 'admin' }], [JSON.parse('{"name":"x","__proto__":{"role":"admin"}}')]])(
    'refuses fields that are not in the schema: %j',
    (input) => {
      expect(() => parseInput(schema, input)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
    },
  );

  it.each([
    ['a NUL', { name: 'a\0b' }, 'must not contain NUL characters'],
    ['half a surrogate pair', { name: 'a\ud800' }, 'is not valid Unicode'],
  ])('refuses %s, which Postgres cannot store; parseShape passes it', (_what, input, detail) => {
    expect(() => parseInput(schema, input)).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', extras: { faults: [{ pointer: '/name', detail }] } }),
    );
    expect(parseShape(schema, input)).toEqual(input);
  });
});
