// JSON values and pointers (RFC 6901), as the form handles them.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };
export type Path = readonly (string | number)[];

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Own properties only: a schema may well call one `constructor`. */
export function own<T>(object: { [key: string]: T }, key: string): T | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

export function pointerOf(path: Path): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

export function partsOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

export function getAt(value: Json | undefined, path: Path): Json | undefined {
  let found = value;
  for (const part of path) {
    if (Array.isArray(found)) found = found[Number(part)];
    else if (isObject(found)) found = own(found, String(part));
    else return undefined;
  }
  return found;
}

/**
 * A copy with another value at `path`; objects on the way are made where they are absent. `undefined` leaves a
 * property out, and becomes null in an array, which has no holes.
 */
export function withAt(value: Json | undefined, path: Path, next: Json | undefined): Json | undefined {
  const [part, ...rest] = path;
  if (part === undefined) return next;
  if (Array.isArray(value) && typeof part === 'number') {
    const items = [...value];
    while (items.length < part) items.push(null);
    items[part] = withAt(items[part], rest, next) ?? null;
    return items;
  }
  const entries = new Map(isObject(value) ? Object.entries(value) : []);
  const changed = withAt(entries.get(String(part)), rest, next);
  if (changed === undefined) entries.delete(String(part));
  else entries.set(String(part), changed);
  return Object.fromEntries(entries);
}

/** Pointer of the first integer that JavaScript cannot hold exactly (beyond 2^53), or null. */
export function findUnsafeInteger(value: Json | undefined, path: Path = []): string | null {
  if (typeof value === 'number')
    return Number.isInteger(value) && !Number.isSafeInteger(value) ? pointerOf(path) : null;
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, child] of Object.entries(value)) {
    const found = findUnsafeInteger(child, [...path, key]);
    if (found !== null) return found;
  }
  return null;
}

/** A person's JSON text. @returns the value, or a sentence with line and column */
export function parseJson(text: string): { value: Json } | { fault: string } {
  let value: Json;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { fault: describeParseError(error, text) };
  }
  const unsafe = findUnsafeInteger(value);
  if (unsafe !== null) return { fault: `${unsafeInteger}${unsafe && ` (at ${unsafe})`}` };
  return { value };
}

export const unsafeInteger = 'This integer lies beyond 2^53 and could not be sent exactly.';

function describeParseError(error: unknown, text: string): string {
  const message = error instanceof Error ? error.message : String(error);
  const position = /position (\d+)/.exec(message);
  if (!position) return `Not valid JSON: ${message}`;
  const before = text.slice(0, Number(position[1])).split('\n');
  return `Not valid JSON at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}.`;
}
