// What differs between the state before a change and the one after it, field by field.

export interface FieldChange {
  /** The field's path with dots, e.g. "env.TOKEN"; empty where the whole is no object. */
  path: string;
  /** Undefined: it was not there. */
  before: unknown;
  after: unknown;
}

/** Fields that differ, in the order of their first appearance. Lists count as one value. */
export function changesOf(before: unknown, after: unknown, path = ''): FieldChange[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  if (!isObject(before) && !isObject(after)) return [{ path, before: before ?? undefined, after: after ?? undefined }];
  if ((before !== null && before !== undefined && !isObject(before)) || (after != null && !isObject(after))) {
    return [{ path, before, after }];
  }
  const [old, now] = [fieldsOf(before), fieldsOf(after)];
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])];
  return names.flatMap((name) => {
    const inner = path ? `${path}.${name}` : name;
    const values = [old[name], now[name]];
    // An empty object has no fields to tell, and yet it is something.
    return values.some(isFilled) ? changesOf(old[name], now[name], inner) : leaf(inner, old[name], now[name]);
  });
}

function leaf(path: string, before: unknown, after: unknown): FieldChange[] {
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ path, before, after }];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isFilled(value: unknown): boolean {
  return isObject(value) && Object.keys(value).length > 0;
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}

export function valueText(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : JSON.stringify(value);
}
