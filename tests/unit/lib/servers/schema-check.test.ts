import { describe, expect, it } from 'vitest';
import { checkSchema } from '../../../../lib/servers/schema-check';

describe('a schema that every validator can use has no fault', () => {
  it.each([
    [{}],
    [{ type: 'object', properties: { a: { type: ['string', 'null'], pattern: '^\\p{L}+$' } }, required: ['a'] }],
    [{ type: 'object', properties: { tree: { $ref: '#/$defs/a~1b' } }, $defs: { 'a/b': { $ref: '#' } } }],
    [{ $ref: '#here', $defs: { one: { $anchor: 'here' } } }],
    [
      {
        $id: 'https://example.org/root',
        properties: { a: { $ref: 'https://example.org/root#/$defs/x' } },
        $defs: { x: true },
      },
    ],
    [{ items: [{ type: 'string' }, false], additionalItems: false }],
    [{ type: 'array', prefixItems: [{ const: 1 }], patternProperties: { '^x-': {} } }],
    [{ properties: { $ref: { type: 'string' }, enum: { type: 'string' } } }],
  ])('%j', (schema) => {
    expect(checkSchema(schema).fault).toBeNull();
  });
});

describe('a schema that cannot be used is told with the place of its fault', () => {
  it.each([
    [{ type: 'object', properties: { a: { type: 'text' } } }, '/properties/a/type names "text", which is no type.'],
    [{ properties: { 'a/b': { pattern: '[' } } }, '/properties/a~1b: the pattern "[" does not compile.'],
    [{ properties: { a: { $ref: '#/$defs/gone' } } }, '/properties/a/$ref leads nowhere: "#/$defs/gone".'],
    [{ $ref: '#/__proto__' }, '/$ref leads nowhere: "#/__proto__".'],
    [
      { items: { $ref: 'https://example.org/x.json' } },
      '/items/$ref leads to "https://example.org/x.json", another document, which is not fetched.',
    ],
    [{ required: true }, '/required is not a list of names.'],
    [{ anyOf: [] }, '/anyOf is not a list of schemas.'],
    [{ enum: 'a' }, '/enum is not a list.'],
    [{ properties: [] }, '/properties is not an object.'],
    [{ properties: { a: 'string' } }, '/properties/a is not a schema.'],
    [{ patternProperties: { '(': {} } }, ': the pattern "(" does not compile.'],
    [undefined, 'It is not a schema.'],
  ])('%j', (schema, fault) => {
    expect(checkSchema(schema).fault).toBe(fault);
  });
});

it('size and dialect are told', () => {
  const schema = { $schema: 'http://json-schema.org/draft-07/schema#', title: 'é' };
  const bytes = Buffer.byteLength(JSON.stringify(schema));
  expect(checkSchema(schema)).toEqual({ bytes, dialect: schema.$schema, fault: null });
});

it('a schema without end or bottom is looked at only so far', () => {
  let deep: Record<string, unknown> = { type: 'wrong' };
  for (let depth = 0; depth < 500; depth += 1) deep = { not: deep };
  expect(checkSchema(deep).fault).toBe('It is nested deeper than 200 levels.');
  const wide = { anyOf: Array.from({ length: 30_000 }, () => ({})) };
  expect(checkSchema(wide).fault).toBeNull();
});
