// From unknown input to a checked value, or INVALID_INPUT with a JSON Pointer per fault.
import type { z } from 'zod';
import { type FieldFault, HubError } from '../errors';

/** @throws HubError INVALID_INPUT with all faults, also for text that Postgres cannot store (NUL, half surrogates) */
export function parseInput<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  const parsed = schema.safeParse(input);
  if (!parsed.success) throw invalidInput(parsed.error.issues.map(faultOfIssue));
  const faults = unstorable(parsed.data, '');
  if (faults.length > 0) throw invalidInput(faults);
  return parsed.data;
}

export function invalidInput(faults: FieldFault[]): HubError {
  const [first] = faults;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  const message = first
    ? `The input is not valid: ${first.pointer === '' ? '' : `${first.pointer} `}${first.detail}${more}`
    : undefined;
  return new HubError('INVALID_INPUT', message, { faults });
}

export function faultOfIssue(issue: z.core.$ZodIssue): FieldFault {
  const key = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const path = key === undefined ? issue.path : [...issue.path, key];
  const detail = key === undefined ? issue.message : 'is not a field that can be set here';
  return { pointer: pointerOf(path), detail };
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
