// From unknown input to a checked value that Postgres can store, or INVALID_INPUT with a JSON Pointer per fault.
import type { z } from 'zod';
import { type FieldFault, HubError } from '../errors';
import { parseInput as parseShape } from '../input';

/** @throws HubError INVALID_INPUT with all faults, also for text that Postgres refuses (NUL, half surrogates) */
export function parseInput<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  const value = parseShape(schema, input);
  const faults = unstorable(value, '');
  if (faults.length > 0) throw invalidInput(faults);
  return value;
}

export function invalidInput(faults: FieldFault[]): HubError {
  const [first] = faults;
  const message = first && `The input is not valid at ${first.pointer}: ${first.detail}.`;
  return new HubError('INVALID_INPUT', message, { faults });
}

/** RFC 6901. */
export function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

const halfSurrogate = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;

function unstorable(value: unknown, pointer: string): FieldFault[] {
  if (typeof value === 'string') {
    if (value.includes('\0')) return [{ pointer, detail: 'must not contain NUL characters' }];
    return halfSurrogate.test(value) ? [{ pointer, detail: 'is not valid Unicode' }] : [];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    ...unstorable(key, pointer),
    ...unstorable(inner, pointer + pointerOf([key])),
  ]);
}
