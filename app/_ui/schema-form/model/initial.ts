// What a form begins with: required fields with their default, everything optional left out.
import type { Json, JsonObject } from './json';
import { maxDepth, nodeOf } from './node';

/**
 * @returns undefined where a person has to say something first, e.g. for a required text without a default
 */
export function initialValue(root: Json, schema: Json, depth = 0): Json | undefined {
  const node = nodeOf(root, schema, depth);
  if (node.schema.default !== undefined) return node.schema.default;
  switch (node.kind) {
    case 'object': {
      if (depth >= maxDepth) return undefined;
      const fields = node.properties
        .filter((property) => property.required)
        .map(({ name, schema: field }) => [name, initialValue(root, field, depth + 1)] as const)
        .filter((entry): entry is [string, Json] => entry[1] !== undefined);
      return Object.fromEntries(fields) as JsonObject;
    }
    case 'array':
      return [];
    case 'tuple':
      return node.items.map((item) => initialValue(root, item, depth + 1) ?? null);
    case 'boolean':
      return false;
    case 'choice':
      return node.choices.length === 1 ? node.choices[0]?.value : undefined;
    case 'null':
    case 'nullable':
      return null;
    case 'variants':
      return depth >= maxDepth ? undefined : initialValue(root, node.variants[0]?.schema ?? true, depth + 1);
    case 'json':
      return node.schema.type === 'object' ? {} : node.schema.type === 'array' ? [] : undefined;
    default:
      return undefined;
  }
}

/** The value of a new row in a list, which has to be something. */
export function newItem(root: Json, schema: Json, depth: number): Json {
  const value = initialValue(root, schema, depth);
  if (value !== undefined) return value;
  return nodeOf(root, schema, depth).kind === 'string' ? '' : null;
}
