// Makes one plain schema of a schema with `$ref` and `allOf`, where that changes nothing of its meaning.
import { isObject, type Json, type JsonObject, own, partsOf } from './json';

export type Schema = JsonObject;

/** Keywords that describe and do not constrain; the outer ones win over those behind a reference. */
export const annotations: ReadonlySet<string> = new Set([
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
  '$comment',
  '$id',
  '$schema',
  '$defs',
  'definitions',
  '$anchor',
]);

const maxHops = 32;

/**
 * @param root where local references are looked up
 * @returns null where no form can be made of it: foreign or circular references, conflicting parts
 */
export function resolve(root: Json, schema: Json | undefined): Schema | null {
  return resolveHops(root, schema, 0);
}

function resolveHops(root: Json, schema: Json | undefined, hops: number): Schema | null {
  if (schema === true) return {};
  if (!isObject(schema) || hops > maxHops) return null;
  const { $ref, allOf, ...rest } = schema;
  const parts: Json[] = [];
  if ($ref !== undefined) {
    if (typeof $ref !== 'string') return null;
    const target = lookUp(root, $ref);
    if (target === undefined) return null;
    parts.push(target);
  }
  if (allOf !== undefined) {
    if (!Array.isArray(allOf)) return null;
    parts.push(...allOf);
  }
  let merged: Schema = rest;
  for (const part of parts) {
    const resolved = resolveHops(root, part, hops + 1);
    const next = resolved && mergeSchemas(merged, resolved);
    if (!next) return null;
    merged = next;
  }
  return merged;
}

/** Local references only: `#`, `#/pointer`. */
function lookUp(root: Json, reference: string): Json | undefined {
  if (reference === '#') return root;
  if (!reference.startsWith('#/')) return undefined;
  let found: Json | undefined = root;
  for (const part of partsOf(decodeFragment(reference.slice(1)))) {
    if (Array.isArray(found)) found = found[Number(part)];
    else if (isObject(found)) found = own(found, part);
    else return undefined;
  }
  return found;
}

function decodeFragment(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}

/** @returns a schema that accepts what both accept, or null where that is not plain to see */
function mergeSchemas(outer: Schema, inner: Schema): Schema | null {
  const merged = new Map(Object.entries(inner));
  for (const [keyword, value] of Object.entries(outer)) {
    const other = merged.get(keyword);
    if (other === undefined || annotations.has(keyword) || same(value, other)) {
      merged.set(keyword, value);
    } else if (keyword === 'required' && Array.isArray(value) && Array.isArray(other)) {
      merged.set(keyword, [...new Set([...other, ...value])]);
    } else if (keyword === 'properties' && isObject(value) && isObject(other) && areDisjoint(value, other)) {
      merged.set(keyword, { ...other, ...value });
    } else {
      return null;
    }
  }
  // `additionalProperties: false` of one part forbids the properties of the other.
  const closes = (schema: Schema) => schema.additionalProperties !== undefined && schema.additionalProperties !== true;
  if ((closes(outer) && inner.properties) || (closes(inner) && outer.properties)) return null;
  return Object.fromEntries(merged);
}

function same(a: Json, b: Json): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function areDisjoint(a: JsonObject, b: JsonObject): boolean {
  return Object.keys(a).every((key) => !Object.hasOwn(b, key) || same(a[key] ?? null, b[key] ?? null));
}
