import { describe, expect, it } from 'vitest';
import { initialValue, newItem } from '../../../../../app/_ui/schema-form/model/initial';
import { getAt, type Json, parseJson, partsOf, pointerOf, withAt } from '../../../../../app/_ui/schema-form/model/json';
import { isTooLarge, maxNodes, nodeOf } from '../../../../../app/_ui/schema-form/model/node';
import {
  checkForm,
  draftAt,
  formState,
  insertItem,
  moveItem,
  parseNumber,
  removeItem,
  renameKey,
  setAt,
} from '../../../../../app/_ui/schema-form/model/state';
import { createChecker, draftOf } from '../../../../../app/_ui/schema-form/model/validate';

const kindOf = (schema: Json, root: Json = schema) => nodeOf(root, schema).kind;

describe('widgets', () => {
  it.each<[string, Json, object]>([
    ['a text', { type: 'string' }, { kind: 'string', input: 'text' }],
    ['a long text', { type: 'string', maxLength: 4000 }, { kind: 'string', input: 'long' }],
    ['a date', { type: 'string', format: 'date' }, { kind: 'string', input: 'date' }],
    ['a time', { type: 'string', format: 'date-time' }, { kind: 'string', input: 'date-time' }],
    ['an address', { type: 'string', format: 'email' }, { kind: 'string', input: 'email' }],
    ['a link', { type: 'string', format: 'uri' }, { kind: 'string', input: 'url' }],
    ['a secret', { type: 'string', writeOnly: true }, { kind: 'string', input: 'secret' }],
    ['a file', { type: 'string', contentEncoding: 'base64' }, { kind: 'string', input: 'base64' }],
    ['a number', { type: 'number' }, { kind: 'number', integer: false }],
    ['an integer', { type: 'integer' }, { kind: 'number', integer: true }],
    ['yes or no', { type: 'boolean' }, { kind: 'boolean' }],
    ['null', { type: 'null' }, { kind: 'null' }],
    ['a list', { type: 'array', items: { type: 'string' } }, { kind: 'array', items: { type: 'string' } }],
    ['a tuple', { prefixItems: [{ type: 'string' }] }, { kind: 'tuple', rest: null }],
    ['a tuple of draft 7', { type: 'array', items: [{ type: 'string' }] }, { kind: 'tuple', rest: null }],
    ['an untyped object', { properties: { a: {} } }, { kind: 'object', additional: null }],
    ['a map', { type: 'object', additionalProperties: { type: 'number' } }, { kind: 'object', properties: [] }],
    ['type with null', { type: ['string', 'null'] }, { kind: 'nullable', inner: { type: 'string' } }],
    [
      'anyOf with null',
      { anyOf: [{ type: 'integer' }, { type: 'null' }] },
      { kind: 'nullable', inner: { type: 'integer' } },
    ],
    ['several types', { type: ['string', 'number'] }, { kind: 'variants' }],
    ['several schemas', { oneOf: [{ type: 'string' }, { type: 'number' }] }, { kind: 'variants' }],
    ['anything', {}, { kind: 'json' }],
    ['true', true, { kind: 'json' }],
    ['if', { type: 'object', properties: {}, if: {} }, { kind: 'json' }],
    ['not', { type: 'string', not: { const: 'a' } }, { kind: 'json' }],
    ['patternProperties', { type: 'object', patternProperties: { a: {} } }, { kind: 'json' }],
    ['a foreign reference', { $ref: 'https://example.com/schema' }, { kind: 'json' }],
    ['a reference to nothing', { $ref: '#/$defs/nothing' }, { kind: 'json' }],
    ['a reference to itself', { $ref: '#' }, { kind: 'json' }],
  ])('%s', (_name, schema, expected) => expect(nodeOf(schema, schema)).toMatchObject(expected));

  it('shows titles of oneOf constants and sends their values', () => {
    const schema: Json = { oneOf: [{ const: 'eu', title: 'Europe' }, { const: 7 }] };
    expect(nodeOf(schema, schema)).toMatchObject({
      choices: [
        { label: 'Europe', value: 'eu' },
        { label: '7', value: 7 },
      ],
    });
  });

  it('gives an empty form to a tool without parameters, but a JSON editor to a free object in it', () => {
    const schema = { type: 'object', properties: { free: { type: 'object' } } };
    expect(kindOf({ type: 'object' })).toBe('object');
    expect(nodeOf(schema, schema.properties.free, 1).kind).toBe('json');
  });

  it('gives a JSON editor to the odd property alone', () => {
    const schema = { type: 'object', properties: { plain: { type: 'string' }, odd: { not: {} } } };
    const node = nodeOf(schema, schema);
    if (node.kind !== 'object') throw new Error(node.kind);
    expect(node.properties.map((property) => kindOf(property.schema, schema))).toEqual(['string', 'json']);
  });

  it('follows local references, whose own words yield to those beside the reference', () => {
    const schema = { $defs: { 'a/b': { type: 'string', title: 'Inner', description: 'inner' } } };
    const node = nodeOf(schema, { $ref: '#/$defs/a~1b', title: 'Outer' });
    expect(node).toMatchObject({ kind: 'string', title: 'Outer', description: 'inner' });
  });

  it('joins allOf where the parts agree and gives up where they do not', () => {
    const a = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] };
    const b = { type: 'object', properties: { b: { type: 'string' } }, required: ['b'] };
    expect(nodeOf({}, { allOf: [a, b] })).toMatchObject({
      kind: 'object',
      properties: [
        { name: 'b', required: true },
        { name: 'a', required: true },
      ],
    });
    expect(kindOf({ allOf: [a, { type: 'object', properties: { a: { type: 'number' } } }] })).toBe('json');
    expect(kindOf({ allOf: [{ ...a, additionalProperties: false }, b] })).toBe('json');
  });

  it('takes one level at a time, so a schema that contains itself is no trouble', () => {
    const schema = { type: 'object', properties: { child: { $ref: '#' } }, required: ['child'] };
    expect(kindOf(schema)).toBe('object');
    expect(JSON.stringify(initialValue(schema, schema)).length).toBeLessThan(200);
    expect(nodeOf(schema, schema, 9).kind).toBe('json');
  });

  it('is not misled by property names of Object.prototype', () => {
    const schema = JSON.parse(
      '{"type":"object","properties":{"__proto__":{"type":"string"},"constructor":{"type":"number"}}}',
    );
    const node = nodeOf(schema, schema);
    if (node.kind !== 'object') throw new Error(node.kind);
    expect(node.properties.map(({ schema: property }) => kindOf(property, schema))).toEqual(['string', 'number']);
    const state = setAt(formState({}), ['__proto__'], 'x');
    expect(JSON.stringify(state.value)).toBe('{"__proto__":"x"}');
    expect(getAt({}, ['constructor'])).toBeUndefined();
  });

  it('calls a schema of too many parts or bytes too large', () => {
    const many = Object.fromEntries(
      Array.from({ length: maxNodes + 1 }, (_, index) => [`p${index}`, { type: 'string' }]),
    );
    expect(isTooLarge({ type: 'object', properties: many })).toBe(true);
    expect(isTooLarge({ description: 'x'.repeat(300_000) })).toBe(true);
    expect(isTooLarge({ type: 'object', properties: { a: { type: 'string' } } })).toBe(false);
  });
});

describe('first values', () => {
  it('begins with the defaults of required fields and leaves the optional ones out', () => {
    const schema = {
      type: 'object',
      required: ['a', 'b', 'c', 'on'],
      properties: {
        a: { type: 'string', default: 'x' },
        b: { type: 'object', required: ['n'], properties: { n: { type: 'integer', default: 3 } } },
        c: { type: 'string' },
        on: { type: 'boolean' },
        d: { type: 'string', default: 'not sent' },
      },
    };
    expect(initialValue(schema, schema)).toEqual({ a: 'x', b: { n: 3 }, on: false });
  });

  it('gives a new row a value', () => {
    expect(newItem({}, { type: 'string' }, 0)).toBe('');
    expect(newItem({}, { type: 'number' }, 0)).toBeNull();
    expect(newItem({}, { type: 'object', properties: { a: { type: 'string' } } }, 0)).toEqual({});
  });
});

describe('edits', () => {
  it('leaves an emptied optional field out, keeps unknown keys, and changes nothing else', () => {
    const before = formState({ a: 'x', unknown: { deep: [1] } });
    const after = setAt(before, ['a'], undefined);
    expect(after.value).toEqual({ unknown: { deep: [1] } });
    expect(before.value).toEqual({ a: 'x', unknown: { deep: [1] } });
  });

  it('adds, moves and removes rows', () => {
    let state = formState({ list: ['a'] });
    state = insertItem(state, ['list'], 'b');
    state = moveItem(state, ['list'], 1, 0);
    expect(state.value).toEqual({ list: ['b', 'a'] });
    expect(moveItem(state, ['list'], 0, 5)).toBe(state);
    expect(removeItem(state, ['list'], 0).value).toEqual({ list: ['a'] });
  });

  it('renames a property in its place, but not over another', () => {
    const state = formState({ a: 1, b: 2 });
    expect(JSON.stringify(renameKey(state, [], 'a', 'c').value)).toBe('{"c":1,"b":2}');
    expect(renameKey(state, [], 'a', 'b')).toBe(state);
  });

  it('keeps a text that is no value as a fault, until the field gets a value', () => {
    const check = createChecker({ type: 'object', properties: { n: { type: 'number' } } });
    let state = draftAt(formState({ n: 1 }), ['n'], { text: '1x', message: 'This is not a number.' });
    expect(state.value).toEqual({});
    expect(checkForm(state, check).faults).toEqual([{ pointer: '/n', message: 'This is not a number.' }]);
    state = setAt(state, ['n'], 2);
    expect(checkForm(state, check).faults).toEqual([]);
  });

  it('lets go of drafts below a value that is replaced', () => {
    const state = draftAt(formState({ o: { n: 1 } }), ['o', 'n'], { text: 'x', message: 'no' });
    expect(setAt(state, ['o'], undefined).drafts.size).toBe(0);
    expect(setAt(state, ['other'], 1).drafts.size).toBe(1);
  });
});

describe('numbers', () => {
  it.each([
    ['12', false, 12],
    [' -1.5e3 ', false, -1500],
    ['.5', false, 0.5],
    ['', true, undefined],
    ['9007199254740991', true, 9007199254740991],
  ])('"%s" is taken', (text, integer, value) => expect(parseNumber(text, integer)).toEqual({ value }));

  it.each([
    ['12a', false, 'not a number'],
    ['0x10', false, 'not a number'],
    ['1.5', true, 'whole number'],
    ['9007199254740993', true, '2^53'],
    ['9007199254740993', false, '2^53'],
    ['1e999', false, 'too large'],
  ])('"%s" is refused', (text, integer, reason) => {
    const parsed = parseNumber(text, integer);
    expect('draft' in parsed && parsed.draft.message).toContain(reason);
  });
});

describe('JSON text', () => {
  it('says where it is broken', () => {
    expect(parseJson('{\n  "a": 1,\n  b\n}')).toEqual({ fault: 'Not valid JSON at line 3, column 3.' });
  });

  it('refuses integers that would change on the way', () => {
    expect(parseJson('{"a":[9007199254740993]}')).toMatchObject({ fault: expect.stringContaining('/a/0') });
  });

  it('takes the rest', () => expect(parseJson('[1,"a",null]')).toEqual({ value: [1, 'a', null] }));
});

describe('pointers', () => {
  it('survive odd names', () => {
    expect(pointerOf(['a/b', '~', 0])).toBe('/a~1b/~0/0');
    expect(partsOf('/a~1b/~0/0')).toEqual(['a/b', '~', '0']);
  });

  it('make the objects on their way', () => {
    expect(withAt(undefined, ['a', 'b'], 1)).toEqual({ a: { b: 1 } });
    expect(withAt({ l: [1, 2] }, ['l', 1], undefined)).toEqual({ l: [1, null] });
  });
});

describe('faults', () => {
  const faults = (schema: Json, value: Json | undefined) => createChecker(schema)(value).faults;

  it('stand at the field that is missing, forbidden or wrong', () => {
    const schema = {
      type: 'object',
      required: ['a b', 'c'],
      additionalProperties: false,
      properties: { 'a b': { type: 'string' }, c: { type: 'integer', minimum: 3 } },
    };
    expect(faults(schema, { c: 1, x: 0 })).toEqual([
      { pointer: '/a b', message: 'This is required.' },
      { pointer: '/c', message: '1 is less than 3.' },
      { pointer: '/x', message: 'This is not allowed here.' },
    ]);
  });

  it('of a union come from the variant that was meant', () => {
    const schema: Json = {
      anyOf: [
        { type: 'string', minLength: 3 },
        { type: 'object', required: ['x'], properties: { x: { type: 'number' } } },
        { type: 'null' },
      ],
    };
    expect(faults(schema, { x: 'no' })).toEqual([
      { pointer: '/x', message: 'The type "string" is invalid. Expected "number".' },
    ]);
    expect(faults(schema, 'ab')).toEqual([{ pointer: '', message: 'String is too short (2 < 3).' }]);
    expect(faults(schema, 5)).toEqual([{ pointer: '', message: 'This fits none of the variants.' }]);
  });

  it('without "$schema" are those of 2020-12, else those of its draft [N-RPC-12]', () => {
    const tuple = { prefixItems: [{ type: 'string' }], items: false };
    expect(faults(tuple, ['a', 'b'])).not.toEqual([]);
    expect(faults({ prefixItems: [{ type: 'string' }] }, [1])).not.toEqual([]);
    expect(draftOf(tuple)).toBe('2020-12');
    expect(draftOf({ $schema: 'http://json-schema.org/draft-07/schema#' })).toBe('7');
  });

  it('name an absent value', () => expect(faults({}, undefined)).toHaveLength(1));

  it('of the schema itself never throw', () => {
    for (const schema of [
      { pattern: '[' },
      { $ref: 'https://nowhere.example/x' },
      { type: 'object', $ref: '#/nothing' },
    ] as Json[]) {
      const check = createChecker(schema)('text');
      expect(check.unusable).not.toBeNull();
    }
  });
});
