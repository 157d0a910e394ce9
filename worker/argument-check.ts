// Holds the arguments of a call against the tool's schema, before anything is sent: it guards the making of the request
// and lets a model mend its own. What costs unbounded time (patterns, unique items) is left to the API itself.
import { type Schema, Validator } from '@cfworker/json-schema';
import { isObject, type JsonObject } from './upstream/openapi/model';

/** The API decides these: patterns of somebody else may take exponential time, comparing items quadratic time. */
const left = new Set(['pattern', 'format', 'uniqueItems', 'examples', 'default', 'description', 'title', 'deprecated']);
/** These hold names of properties, not keywords. */
const maps = new Set(['properties', '$defs', 'dependentSchemas']);
const shownFaults = 3;
const containers = new Set([
  'properties',
  'items',
  'prefixItems',
  '$ref',
  'allOf',
  'anyOf',
  'if',
  'additionalProperties',
]);

/** @returns sentences, each with the JSON Pointer of its place; null when the arguments fit */
export type ArgumentCheck = (args: Record<string, unknown>) => string[] | null;

export function createArgumentCheck(inputSchema: JsonObject): ArgumentCheck {
  const validator = new Validator(loosened(inputSchema) as Schema, '2020-12', false);
  return (args) => {
    try {
      const { valid, errors } = validator.validate(args);
      if (valid) return null;
      const leaves = errors.filter(({ keyword }) => !containers.has(keyword));
      const told = (leaves.length > 0 ? leaves : errors).map(({ instanceLocation, keyword, error }) => {
        const pointer = instanceLocation.slice(1);
        return `${pointer || '(arguments)'}: ${keyword === 'false' ? 'there is no such argument.' : error}`;
      });
      return [...new Set(told)].slice(0, shownFaults);
    } catch (error) {
      if (error instanceof RangeError) return ['(arguments): nested too deeply.'];
      throw error;
    }
  };
}

/** Also for answers: whether a value has the form that was promised. */
export function createAnswerCheck(outputSchema: JsonObject): (value: unknown) => boolean {
  const validator = new Validator(loosened(outputSchema) as Schema, '2020-12', true);
  return (value) => {
    try {
      return validator.validate(value).valid;
    } catch {
      return false;
    }
  };
}

function loosened(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(loosened);
  if (!isObject(schema)) return schema;
  const made: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (left.has(key) || key === 'patternProperties') continue;
    if (key === 'enum' || key === 'const' || key === 'required') made[key] = value;
    else if (maps.has(key) && isObject(value)) {
      made[key] = Object.fromEntries(Object.entries(value).map(([name, each]) => [name, loosened(each)]));
    } else if (key === 'oneOf') made.anyOf = [...((made.anyOf as unknown[]) ?? []), ...(loosened(value) as unknown[])];
    else if (key === 'anyOf') made.anyOf = [...((made.anyOf as unknown[]) ?? []), ...(loosened(value) as unknown[])];
    else if (!(isObject(schema.patternProperties) && /^(additional|unevaluated)Properties$/.test(key))) {
      made[key] = loosened(value);
    }
  }
  return made;
}
