// Checks what came from outside against a zod schema and turns its faults into the one error shape of the hub.
import type { z } from 'zod';
import { type FieldFault, HubError } from './errors';

/**
 * Parses `input`, or fails with one fault per wrong place.
 * @param where the part of the request it came from, for the sentence: "body", "query", "input"
 * @throws HubError INVALID_INPUT
 */
export function parseInput<S extends z.ZodType>(schema: S, input: unknown, where = 'input'): z.output<S> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(toFault);
  const first = faults[0];
  const place = first?.pointer ? ` at ${first.pointer}` : '';
  throw new HubError('INVALID_INPUT', `The ${where} is not valid${place}: ${first?.detail ?? 'unknown fault'}.`, {
    faults,
  });
}

function toFault(issue: z.core.$ZodIssue): FieldFault {
  const steps = issue.path.map((step) => String(step).replaceAll('~', '~0').replaceAll('/', '~1'));
  return { pointer: steps.map((step) => `/${step}`).join(''), detail: issue.message.replace(/\.$/, '') };
}
