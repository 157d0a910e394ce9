// Overlays on single tools: what models see, and what becomes of the arguments. What is left of a schema must accept
// whatever fits the whole one once the plan has filled in its part.
import { describe, expect, it } from 'vitest';
import { curate, curateIn, plannedArguments, tidied } from '../../../../lib/servers/curation/curate';
import { groupOverlaySchema, serverOverlaySchema, type ToolOverlay } from '../../../../lib/servers/curation/schema';
import { createArgumentCheck } from '../../../../worker/argument-check';

type Json = Record<string, unknown>;

const toolWith = (inputSchema: Json) => ({ name: 'a', description: 'says', inputSchema });
const schemaUnder = (inputSchema: Json, parameters: ToolOverlay['parameters']) =>
  curate(toolWith(inputSchema), { parameters }).definition.inputSchema as Json;

const plain = {
  type: 'object',
  properties: {
    path: { type: 'string', description: 'Where' },
    force: { type: 'boolean' },
    depth: { type: 'integer' },
    tags: { type: 'array', items: { type: 'string' } },
  },
  required: ['path', 'depth'],
  additionalProperties: false,
};

describe('what models see', () => {
  it('texts, name and hints are replaced, the rest stays', () => {
    const tool = { ...toolWith(plain), annotations: { readOnlyHint: true, title: 'x' }, icons: [1], _meta: { a: 1 } };
    const overlay = { name: 'b', title: 'T', description: 'D', annotations: { readOnlyHint: false } };
    expect(curate(tool, overlay)).toEqual({
      definition: { ...tool, ...overlay, annotations: { readOnlyHint: false, title: 'x' } },
      plan: null,
      faults: [],
    });
    expect(tool.name).toBe('a');
  });

  it('fixed and hidden parameters are gone, a default is shown and not required', () => {
    const before = structuredClone(plain);
    const parameters: ToolOverlay['parameters'] = {
      path: { mode: 'fixed', value: '/srv' },
      force: { mode: 'hidden' },
      depth: { mode: 'default', value: 2 },
    };
    expect(schemaUnder(plain, parameters)).toEqual({
      type: 'object',
      properties: { depth: { type: 'integer', default: 2 }, tags: { type: 'array', items: { type: 'string' } } },
      additionalProperties: false,
    });
    expect(plain).toEqual(before);
  });

  it('a parameter is shown in other words wherever it is declared, and calls pass as they are', () => {
    const parameters: ToolOverlay['parameters'] = {
      path: { mode: 'shown', description: 'A path' },
      depth: { mode: 'default', value: 2, description: 'How deep' },
    };
    const { definition, plan, faults } = curate(toolWith(plain), { parameters });
    expect(definition.inputSchema).toEqual({
      ...plain,
      properties: {
        ...plain.properties,
        path: { type: 'string', description: 'A path' },
        depth: { type: 'integer', default: 2, description: 'How deep' },
      },
      required: ['path'],
    });
    expect({ plan, faults }).toEqual({ plan: { taken: [], fixed: [], defaults: [['depth', 2]] }, faults: [] });
    expect(curate(toolWith(plain), { parameters: { path: { mode: 'shown', description: 'A' } } }).plan).toBeNull();
    const schema = {
      type: 'object',
      $ref: '#/$defs/Input',
      oneOf: [
        { properties: { id: { description: 'Once more' }, item: { type: 'object', properties: { id: {} } } } },
        { properties: { id: { minLength: 1 } } },
      ],
      $defs: { Input: { properties: { id: { type: 'string' } } } },
    };
    expect(schemaUnder(schema, { id: { mode: 'shown', description: 'Whose' } })).toEqual({
      type: 'object',
      allOf: [{ properties: { id: { type: 'string', description: 'Whose' } } }],
      oneOf: [
        { properties: { id: { description: 'Whose' }, item: { type: 'object', properties: { id: {} } } } },
        { properties: { id: { minLength: 1 } } },
      ],
    });
    const gone = curate(toolWith(plain), { parameters: { none: { mode: 'shown', description: 'A' } } });
    expect(gone.faults).toHaveLength(1);
    expect(gone.plan).toBeNull();
    expect(
      schemaUnder({ type: 'object', properties: { no: false } }, { no: { mode: 'shown', description: 'A' } }),
    ).toEqual({ type: 'object', properties: { no: false } });
  });

  it('what is declared by reference and beside it is found, and definitions that nobody uses any more go', () => {
    const schema = {
      type: 'object',
      $ref: '#/$defs/Input',
      allOf: [{ properties: { b: { $ref: '#/$defs/Big' } }, required: ['b'] }],
      $defs: {
        Input: { properties: { a: { $ref: '#/$defs/Leaf' }, self: { $ref: '#/$defs/Input' } }, required: ['a'] },
        Leaf: { type: 'string' },
        Big: { type: 'object', properties: { deep: { $ref: '#/$defs/Deep' } } },
        Deep: { type: 'string' },
      },
    };
    const shown = schemaUnder(schema, { b: { mode: 'fixed', value: {} }, a: { mode: 'default', value: 'x' } });
    expect(shown).toEqual({
      type: 'object',
      allOf: [
        { properties: {} },
        { properties: { a: { $ref: '#/$defs/Leaf', default: 'x' }, self: { $ref: '#/$defs/Input' } } },
      ],
      $defs: { Input: schema.$defs.Input, Leaf: schema.$defs.Leaf },
    });
  });

  it('parameters of the same name that lie deeper stay', () => {
    const schema = {
      type: 'object',
      properties: { id: { type: 'string' }, item: { type: 'object', properties: { id: {} }, required: ['id'] } },
      required: ['id', 'item'],
    };
    expect(schemaUnder(schema, { id: { mode: 'fixed', value: 'x' } })).toEqual({
      type: 'object',
      properties: { item: schema.properties.item },
      required: ['item'],
    });
  });

  it('choices, conditions and counts that spoke of what is gone refuse nobody', () => {
    const schema = {
      type: 'object',
      properties: { kind: { enum: ['url', 'file'] }, url: { type: 'string' }, file: { type: 'string' } },
      required: ['kind'],
      minProperties: 2,
      oneOf: [
        { properties: { kind: { const: 'url' } }, required: ['kind', 'url'] },
        { properties: { kind: { const: 'file' } }, required: ['kind', 'file'] },
      ],
      if: { properties: { kind: { const: 'url' } } },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { required: ['url'] },
      not: { properties: { kind: { const: 'none' } } },
      dependentRequired: { kind: ['url'], file: ['kind', 'url'] },
    };
    const shown = schemaUnder(schema, { kind: { mode: 'fixed', value: 'file' }, url: { mode: 'hidden' } });
    expect(shown).toEqual({
      type: 'object',
      properties: { file: { type: 'string' } },
      minProperties: 1,
      anyOf: [{ properties: {}, required: ['file'] }],
      dependentRequired: { file: [] },
    });
    const check = createArgumentCheck(shown as Parameters<typeof createArgumentCheck>[0]);
    expect(check({ file: 'x' })).toBeNull();
    expect(check({})).not.toBeNull();
  });

  it.each([
    [
      'a circle',
      { type: 'object', $ref: '#/$defs/A', $defs: { A: { allOf: [{ $ref: '#/$defs/A' }, { $ref: '#' }] } } },
    ],
    ['a reference that leads nowhere', { type: 'object', $ref: '#/$defs/None', properties: { a: true } }],
    ['nonsense', { type: 'object', properties: 'x', required: 1, allOf: {}, anyOf: [], $defs: [] }],
  ])('%s does no harm', (_name, schema) => {
    expect(() =>
      schemaUnder(schema, { a: { mode: 'fixed', value: 1 }, b: { mode: 'default', value: 1 } }),
    ).not.toThrow();
  });

  it('few lines that stand for 2^40 schemas take no time', () => {
    const twice = (name: string) => ({ allOf: [{ $ref: `#/$defs/${name}` }, { $ref: `#/$defs/${name}` }] });
    const chain = Array.from({ length: 40 }, (_, index) => [`d${index}`, twice(`d${index + 1}`)]);
    const $defs = Object.fromEntries([...chain, ['d40', { properties: { x: {} } }]]);
    const startedAtMs = performance.now();
    schemaUnder({ type: 'object', properties: { x: {} }, ...twice('d0'), $defs }, { x: { mode: 'hidden' } });
    expect(performance.now() - startedAtMs).toBeLessThan(2000);
  });
});

describe('what becomes of arguments', () => {
  const planOf = (parameters: ToolOverlay['parameters'], schema: Json = plain) => {
    const { plan } = curate(toolWith(schema), { parameters });
    if (!plan) throw new Error('no plan');
    return plan;
  };

  it('a fixed value wins over the caller, a default does not, a hidden one is dropped', () => {
    const plan = planOf({
      path: { mode: 'fixed', value: '/srv' },
      force: { mode: 'hidden' },
      depth: { mode: 'default', value: 2 },
    });
    expect(plannedArguments(plan, undefined)).toEqual({ path: '/srv', depth: 2 });
    const given = { path: '/etc', force: true, depth: null, more: 1 };
    expect(plannedArguments(plan, given)).toEqual({ path: '/srv', depth: null, more: 1 });
    expect(given.path).toBe('/etc');
  });

  it('arguments fit the whole schema when they fit what is shown', () => {
    const plan = planOf({ path: { mode: 'fixed', value: '/srv' }, depth: { mode: 'default', value: 2 } });
    expect(createArgumentCheck(plain)(plannedArguments(plan, { tags: ['x'] }))).toBeNull();
  });

  it('names that objects have by nature are names like others', () => {
    const schema = { type: 'object', properties: { toString: { type: 'string' }, constructor: { type: 'string' } } };
    const plan = planOf(
      { toString: { mode: 'default', value: 'x' }, constructor: { mode: 'hidden' } } as never,
      schema,
    );
    expect(Object.entries(plannedArguments(plan, {}))).toEqual([['toString', 'x']]);
  });

  it('without overlays on parameters there is nothing to do', () => {
    expect(curate(toolWith(plain), { name: 'b', parameters: {} }).plan).toBeNull();
  });

  it('a group adds to what the server says, and cannot bring back what that took away', () => {
    const ofServer: ToolOverlay = {
      parameters: {
        path: { mode: 'fixed', value: '/srv' },
        depth: { mode: 'default', value: 2 },
        force: { mode: 'hidden' },
      },
    };
    const ofGroup: ToolOverlay = {
      name: 'b',
      parameters: {
        path: { mode: 'fixed', value: '/etc' },
        force: { mode: 'default', value: true },
        depth: { mode: 'fixed', value: 9 },
        tags: { mode: 'default', value: ['t'] },
      },
    };
    const curated = curateIn(toolWith(plain), ofServer, ofGroup);
    expect(plannedArguments(curated?.plan ?? { taken: [], fixed: [], defaults: [] }, { path: 'x', depth: 1 })).toEqual({
      path: '/srv',
      depth: 9,
      tags: ['t'],
    });
    expect(curated?.definition).toMatchObject({
      name: 'b',
      inputSchema: { properties: { tags: { default: ['t'] } } },
    });
    expect(curated?.faults.map(({ parameter }) => parameter)).toEqual(['path', 'force']);
  });
});

describe('what does not fit', () => {
  const faultsOf = (parameters: ToolOverlay['parameters']) =>
    curate(toolWith(plain), { parameters }).faults.map(({ text }) => text);

  it('is named, and what was taken from callers does not come back to them', () => {
    const { definition, plan, faults } = curate(toolWith(plain), {
      parameters: {
        gone: { mode: 'fixed', value: 1 },
        depth: { mode: 'default', value: 'deep' },
        force: { mode: 'fixed', value: 'yes' },
      },
    });
    expect(faults.map(({ text }) => text)).toEqual([
      'The parameter "gone" does not exist (any more).',
      'The value of the parameter "depth" must be of type integer.',
      'The value of the parameter "force" must be of type boolean.',
    ]);
    expect(definition.inputSchema).toMatchObject({ required: ['path', 'depth'] });
    expect(plan && plannedArguments(plan, { gone: 2, force: true })).toEqual({ force: 'yes' });
  });

  it('a hidden parameter that is required is named', () => {
    expect(faultsOf({ path: { mode: 'hidden' } })).toEqual([
      'The parameter "path" is required: hide it with a fixed value.',
    ]);
    const inside = { type: 'object', allOf: [{ properties: { a: {} }, required: ['a'] }] };
    expect(curate(toolWith(inside), { parameters: { a: { mode: 'hidden' } } }).faults).toHaveLength(1);
  });
});

describe('what is taken as an overlay', () => {
  it.each([
    ['a name with a space', { name: 'a b' }],
    ['an empty name', { name: '' }],
    ['a long name', { name: 'a'.repeat(129) }],
    ['a long description', { description: 'a'.repeat(8193) }],
    ['a default without a value', { parameters: { a: { mode: 'default' } } }],
    ['another mode', { parameters: { a: { mode: 'gone' } } }],
    ['a long value', { parameters: { a: { mode: 'fixed', value: 'a'.repeat(8192) } } }],
    [
      'too many parameters',
      { parameters: Object.fromEntries(Array.from({ length: 257 }, (_, i) => [i, { mode: 'hidden' }])) },
    ],
    ['an unknown field', { enabeld: true }],
  ])('not %s', (_name, overlay) => {
    expect(serverOverlaySchema.safeParse(overlay).success).toBe(false);
  });

  it('a group does not switch tools: it names those that it offers', () => {
    expect(groupOverlaySchema.safeParse({ enabled: false }).success).toBe(false);
    expect(serverOverlaySchema.safeParse({ enabled: false }).success).toBe(true);
  });

  it('a parameter with the name of prototypes is none', () => {
    const parsed = groupOverlaySchema.parse(
      JSON.parse('{"parameters":{"__proto__":{"mode":"fixed","value":{"a":1}}}}'),
    );
    expect(tidied(parsed)).toEqual({});
  });

  it('what says nothing is left out', () => {
    expect(tidied({ enabled: true, annotations: {}, parameters: {}, title: undefined })).toEqual({});
  });
});
