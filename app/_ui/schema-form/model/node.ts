// What widget a schema calls for. Only one level at a time: children stay schemas until they are shown, so recursion
// costs nothing. What no widget can express becomes a JSON editor for that node alone.
import { isObject, type Json, own } from './json';
import { annotations, resolve, type Schema } from './resolve';

interface Common {
  schema: Schema;
  title: string | null;
  description: string | null;
}

export interface Choice {
  label: string;
  value: Json;
}

export interface Property {
  name: string;
  schema: Json;
  required: boolean;
}

export type Widget =
  | { kind: 'string'; input: 'text' | 'long' | 'date' | 'date-time' | 'email' | 'url' | 'secret' | 'base64' }
  | { kind: 'number'; integer: boolean }
  | { kind: 'boolean' }
  | { kind: 'choice'; choices: Choice[] }
  | { kind: 'null' }
  | { kind: 'nullable'; inner: Schema }
  /** `additional`: schema of further properties; null where none are allowed or they are not for a form. */
  | { kind: 'object'; properties: Property[]; additional: Json | null }
  | { kind: 'array'; items: Json }
  | { kind: 'tuple'; items: Json[]; rest: Json | null }
  | { kind: 'variants'; variants: { label: string; schema: Schema }[] }
  | { kind: 'json'; reason: string };

export type Node = Common & Widget;

export const maxDepth = 8;

/** Keywords whose meaning no widget shows. */
const beyondForms = [
  'if',
  'then',
  'else',
  'not',
  'patternProperties',
  'propertyNames',
  'dependencies',
  'dependentSchemas',
  'dependentRequired',
  'unevaluatedProperties',
  'unevaluatedItems',
  'contains',
  'additionalItems',
  '$dynamicRef',
  '$recursiveRef',
];

const json = (reason: string): Widget => ({ kind: 'json', reason });

/** @param depth how many objects, lists and variants the node lies in */
export function nodeOf(root: Json, raw: Json | undefined, depth = 0): Node {
  const schema = resolve(root, raw);
  if (!schema) return { ...common({}), ...json('This part of the schema refers to something a form cannot show.') };
  return { ...common(schema), ...widgetOf(root, schema, depth) };
}

function common(schema: Schema): Common {
  return { schema, title: textOf(schema.title), description: textOf(schema.description) };
}

function textOf(value: Json | undefined): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value : null;
}

function widgetOf(root: Json, schema: Schema, depth: number): Widget {
  if (depth > maxDepth) return json('This part lies too deep for a form.');
  const odd = beyondForms.find((keyword) => Object.hasOwn(schema, keyword));
  if (odd) return json(`The keyword "${odd}" cannot be shown as a form.`);
  if (Object.hasOwn(schema, 'const')) return { kind: 'choice', choices: [choiceOf(schema.const ?? null)] };
  if (Array.isArray(schema.enum)) return { kind: 'choice', choices: schema.enum.map((value) => choiceOf(value)) };
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(alternatives) && !hasShape(schema)) return alternativesOf(root, schema, alternatives);
  if (Array.isArray(schema.type)) return typesOf(schema, schema.type, depth);
  return widgetOfType(schema, depth);
}

/** Whether a schema with alternatives also says by itself what the value is: then they only constrain it. */
function hasShape(schema: Schema): boolean {
  return isObject(schema.properties) || schema.items !== undefined || schema.prefixItems !== undefined;
}

function alternativesOf(root: Json, schema: Schema, alternatives: Json[]): Widget {
  const { anyOf, oneOf, ...outer } = schema;
  if (anyOf !== undefined && oneOf !== undefined)
    return json('"anyOf" and "oneOf" together cannot be shown as a form.');
  const branches = alternatives.map((each) => resolve(root, each));
  if (branches.some((branch) => branch === null)) return json('One of the variants cannot be shown as a form.');
  const known = branches as Schema[];
  if (known.length > 0 && known.every((branch) => Object.hasOwn(branch, 'const'))) {
    return { kind: 'choice', choices: known.map((branch) => choiceOf(branch.const ?? null, textOf(branch.title))) };
  }
  // Constraints beside the alternatives hold for each of them.
  const constraints = Object.fromEntries(Object.entries(outer).filter(([keyword]) => !annotations.has(keyword)));
  const rest = known.filter((branch) => branch.type !== 'null');
  const variants = rest.map((branch) => ({ ...constraints, ...branch }));
  const [only] = variants;
  if (rest.length < known.length) {
    const inner = variants.length === 1 && only ? only : { anyOf: variants };
    return variants.length === 0 ? { kind: 'null' } : { kind: 'nullable', inner: { ...inner, ...notesOf(schema) } };
  }
  if (variants.length === 1 && only) return widgetOf(root, only, 0);
  if (variants.length === 0) return json('There is no variant to choose.');
  return {
    kind: 'variants',
    variants: variants.map((variant, index) => ({ label: labelOf(variant, index), schema: variant })),
  };
}

/** What a wrapped schema shall still say of itself. */
function notesOf(schema: Schema): Schema {
  const kept = ['default', 'examples', 'writeOnly'].filter((keyword) => Object.hasOwn(schema, keyword));
  return Object.fromEntries(kept.map((keyword) => [keyword, schema[keyword] ?? null]));
}

function typesOf(schema: Schema, types: Json[], depth: number): Widget {
  const names = types.filter((type): type is string => typeof type === 'string');
  const rest = names.filter((type) => type !== 'null');
  const withType = (type: string): Schema => ({ ...schema, type });
  const [only] = rest;
  if (only === undefined) return { kind: 'null' };
  if (rest.length < names.length) {
    return { kind: 'nullable', inner: rest.length === 1 ? withType(only) : { ...schema, type: rest } };
  }
  if (rest.length === 1) return widgetOfType(withType(only), depth);
  return {
    kind: 'variants',
    variants: rest.map((type) => ({ label: typeWords[type] ?? type, schema: withType(type) })),
  };
}

function widgetOfType(schema: Schema, depth: number): Widget {
  switch (schema.type ?? guessType(schema)) {
    case 'string':
      return { kind: 'string', input: inputOf(schema) };
    case 'number':
      return { kind: 'number', integer: false };
    case 'integer':
      return { kind: 'number', integer: true };
    case 'boolean':
      return { kind: 'boolean' };
    case 'null':
      return { kind: 'null' };
    case 'object':
      return objectOf(schema, depth);
    case 'array':
      return arrayOf(schema);
    default:
      return json('Any JSON value is allowed here.');
  }
}

function guessType(schema: Schema): string | null {
  if (isObject(schema.properties)) return 'object';
  if (schema.items !== undefined || schema.prefixItems !== undefined) return 'array';
  if (schema.minLength !== undefined || schema.pattern !== undefined || schema.format !== undefined) return 'string';
  if (schema.minimum !== undefined || schema.maximum !== undefined) return 'number';
  return null;
}

const longText = 200;

function inputOf(schema: Schema): Extract<Widget, { kind: 'string' }>['input'] {
  if (schema.contentEncoding === 'base64') return 'base64';
  if (schema.writeOnly === true || schema.format === 'password') return 'secret';
  if (schema.format === 'date' || schema.format === 'date-time' || schema.format === 'email') return schema.format;
  if (schema.format === 'uri') return 'url';
  const isLong = typeof schema.maxLength === 'number' && schema.maxLength > longText;
  const hasLongDefault = typeof schema.default === 'string' && /\n|.{80}/.test(schema.default);
  return isLong || hasLongDefault || schema.contentMediaType !== undefined ? 'long' : 'text';
}

function objectOf(schema: Schema, depth: number): Widget {
  const properties = isObject(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? schema.required : [];
  const names = Object.keys(properties);
  for (const name of required) if (typeof name === 'string' && !names.includes(name)) names.push(name);
  const further = schema.additionalProperties;
  // Tools without parameters say no more than "object": their form is empty. Further down it means any object.
  const saysNothing = !isObject(schema.properties) && typeof further !== 'object' && further !== false;
  if (names.length === 0 && saysNothing && depth > 0) return json('Any JSON object is allowed here.');
  return {
    kind: 'object',
    properties: names.map((name) => ({
      name,
      schema: own(properties, name) ?? true,
      required: required.includes(name),
    })),
    additional: isObject(further) ? further : null,
  };
}

function arrayOf(schema: Schema): Widget {
  // Before 2020-12 a tuple was an array under `items`.
  const tuple = Array.isArray(schema.prefixItems)
    ? schema.prefixItems
    : Array.isArray(schema.items)
      ? schema.items
      : null;
  const items = Array.isArray(schema.items) ? undefined : schema.items;
  if (tuple) return { kind: 'tuple', items: tuple, rest: isObject(items) ? items : null };
  if (items === undefined || items === true || items === false) return json('Any JSON list is allowed here.');
  return { kind: 'array', items };
}

function choiceOf(value: Json, title: string | null = null): Choice {
  return { label: title ?? (typeof value === 'string' ? value : JSON.stringify(value)), value };
}

const typeWords: Record<string, string> = {
  string: 'Text',
  number: 'Number',
  integer: 'Whole number',
  boolean: 'Yes or no',
  object: 'Object',
  array: 'List',
  null: 'null',
};

function labelOf(schema: Schema, index: number): string {
  const fixed = isObject(schema.properties)
    ? Object.values(schema.properties).find((property) => isObject(property) && typeof property.const === 'string')
    : undefined;
  const constant = isObject(fixed) && typeof fixed.const === 'string' ? fixed.const : null;
  const type = typeof schema.type === 'string' ? typeWords[schema.type] : undefined;
  return textOf(schema.title) ?? constant ?? type ?? `Variant ${index + 1}`;
}

export const maxNodes = 500;
const maxSchemaBytes = 256 * 1024;

/** Whether the schema is too large for a form; then only the JSON editor is offered. */
export function isTooLarge(schema: Json): boolean {
  let nodes = 0;
  const waiting: Json[] = [schema];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (typeof next !== 'object' || next === null) continue;
    if (!Array.isArray(next) && ++nodes > maxNodes) return true;
    waiting.push(...Object.values(next));
  }
  return JSON.stringify(schema).length > maxSchemaBytes;
}
