// Properties of the form as a whole, judged by Ajv, which has nothing in common with the form's own checker.
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { initialValue, newItem } from '../../../../../app/_ui/schema-form/model/initial';
import type { Json, JsonObject } from '../../../../../app/_ui/schema-form/model/json';
import { nodeOf } from '../../../../../app/_ui/schema-form/model/node';
import { checkForm, draftAt, formState, parseNumber, setAt } from '../../../../../app/_ui/schema-form/model/state';
import { createChecker } from '../../../../../app/_ui/schema-form/model/validate';

const names = fc.constantFrom('a', 'b', 'c', 'long name', 'x/y');

/** Schemas of everything the form has a widget for. */
const { schema: schemas } = fc.letrec<{ schema: JsonObject }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'schema' },
    fc.record({ type: fc.constant('string'), minLength: fc.nat(2) }) as fc.Arbitrary<JsonObject>,
    fc.constant<JsonObject>({ type: 'string', enum: ['x', 'y'] }),
    fc.record({
      type: fc.constantFrom('integer', 'number'),
      minimum: fc.integer({ min: -5, max: 5 }),
    }) as fc.Arbitrary<JsonObject>,
    fc.constant<JsonObject>({ type: 'boolean' }),
    fc.constant<JsonObject>({ oneOf: [{ const: 1, title: 'One' }, { const: 'two' }] }),
    fc.constant<JsonObject>({ $ref: '#/$defs/tree' }),
    tie('schema').map((inner) => ({ anyOf: [inner, { type: 'null' }] })),
    fc.tuple(tie('schema'), tie('schema')).map(([a, b]) => ({ anyOf: [a, b] })),
    tie('schema').map((items) => ({ type: 'array', items, minItems: 1 })),
    fc.tuple(tie('schema'), tie('schema')).map((prefixItems) => ({ type: 'array', prefixItems, minItems: 2 })),
    tie('schema').map((additionalProperties) => ({ type: 'object', additionalProperties })),
    fc
      .tuple(fc.dictionary(names, tie('schema'), { maxKeys: 3 }), fc.subarray(['a', 'b', 'c']))
      .map(([properties, required]) => ({
        type: 'object',
        properties,
        required: required.filter((name) => Object.hasOwn(properties, name)),
        additionalProperties: false,
      })) as fc.Arbitrary<JsonObject>,
  ),
}));

const documents = schemas.map((schema) => ({
  ...schema,
  $defs: {
    tree: {
      type: 'object',
      required: ['name'],
      properties: { name: { type: 'string' }, child: { $ref: '#/$defs/tree' } },
    },
  },
}));

function accepts(schema: Json, value: Json | undefined): boolean {
  const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema as object);
  return value !== undefined && (validate(JSON.parse(JSON.stringify(value))) as boolean);
}

/** Fills in a form as a willing person would, one widget after the other. */
function fill(root: Json, schema: Json, depth: number): Json {
  const node = nodeOf(root, schema, depth);
  switch (node.kind) {
    case 'string':
      return 'text';
    case 'number': {
      const parsed = parseNumber('9', node.integer);
      return 'value' in parsed ? (parsed.value ?? 0) : 0;
    }
    case 'boolean':
      return true;
    case 'choice':
      return node.choices.at(-1)?.value ?? null;
    case 'null':
      return null;
    case 'nullable':
      return depth % 2 ? null : fill(root, node.inner, depth);
    case 'variants':
      return fill(root, node.variants.at(-1)?.schema ?? true, depth + 1);
    case 'array':
      return [fill(root, node.items, depth + 1)];
    case 'tuple':
      return node.items.map((item) => fill(root, item, depth + 1));
    case 'object': {
      const wanted = node.properties.filter((property) => property.required || depth < 3);
      const fields = wanted.map((property) => [property.name, fill(root, property.schema, depth + 1)] as const);
      return Object.fromEntries(
        node.additional ? [...fields, ['extra', fill(root, node.additional, depth + 1)]] : fields,
      );
    }
    case 'json':
      throw new Error(`no widget: ${node.reason}`);
  }
}

describe('what the form emits', () => {
  it('is valid, or the form shows a fault, whatever was edited', () => {
    const edits = fc.array(
      fc.tuple(
        fc.array(fc.oneof(names, fc.nat(2)), { maxLength: 3 }),
        fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constant(undefined), fc.constant('draft')),
      ),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(documents, edits, (schema, changes) => {
        const check = createChecker(schema);
        let state = formState(initialValue(schema, schema));
        for (const [path, value] of changes) {
          state =
            value === 'draft'
              ? draftAt(state, path, { text: '1x', message: 'This is not a number.' })
              : setAt(state, path, value as Json | undefined);
        }
        const { faults, unusable } = checkForm(state, check);
        expect(unusable).toBeNull();
        if (faults.length === 0) expect(accepts(schema, state.value)).toBe(true);
        else expect(state.drafts.size > 0 || !accepts(schema, state.value)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('can be made valid by its widgets alone, for every schema that they cover', () => {
    fc.assert(
      fc.property(documents, (schema) => {
        const value = fill(schema, schema, 0);
        expect(accepts(schema, value)).toBe(true);
        expect(checkForm(formState(value), createChecker(schema)).faults).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('never needs more than JSON for its first values and new rows', () => {
    fc.assert(
      fc.property(documents, (schema) => {
        for (const value of [initialValue(schema, schema), newItem(schema, schema, 0)]) {
          if (value !== undefined) expect(JSON.parse(JSON.stringify(value))).toEqual(value);
        }
      }),
    );
  });
});
