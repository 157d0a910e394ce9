// Checks what came from outside against a zod schema and turns its faults into the one error shape of the hub.
import type { z } from 'zod';
import { type FieldFault, HubError } from './errors';

/**
 * Parses `input`, or fails with one fault per wrong place. For edges; what is stored goes through parseInput in its verb.
 * @param where the part of the request it came from, for the sentence: "body", "query", "input"
 * @throws HubError INVALID_INPUT
 */
export function parseShape<S extends z.ZodType>(schema: S, input: unknown, where = 'input'): z.output<S> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw invalidInput(parsed.error.issues.map(toFault), where);
}

/** As parseShape, and refuses text that Postgres does. For verbs. @throws HubError INVALID_INPUT */
export function parseInput<S extends z.ZodType>(schema: S, input: unknown, where = 'input'): z.output<S> {
  const value = parseShape(schema, input, where);
  const faults = unstorableFaults(value);
  if (faults.length > 0) throw invalidInput(faults, where);
  return value;
}

export function invalidInput(faults: FieldFault[], where = 'input'): HubError {
  const [first] = faults;
  const place = first?.pointer ? ` at ${first.pointer}` : '';
  const message = `The ${where} is not valid${place}: ${first?.detail ?? 'unknown fault'}.`;
  return new HubError('INVALID_INPUT', message, { faults });
}

/** RFC 6901. */
export function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

function toFault(issue: z.core.$ZodIssue): FieldFault {
  return { pointer: pointerOf(issue.path), detail: issue.message.replace(/\.$/, '') };
}

const halfSurrogate = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;

/** Places with text that Postgres refuses, keys included: NUL and half surrogates. */
export function unstorableFaults(value: unknown, pointer = ''): FieldFault[] {
  if (typeof value === 'string') {
    if (value.includes('\0')) return [{ pointer, detail: 'must not contain NUL characters' }];
    return halfSurrogate.test(value) ? [{ pointer, detail: 'is not valid Unicode' }] : [];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    ...unstorableFaults(key, pointer),
    ...unstorableFaults(inner, pointer + pointerOf([key])),
  ]);
}
