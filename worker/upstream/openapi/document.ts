// The text of a document → its JSON: JSON or YAML, OpenAPI 3.x only, and every `$ref` inside the document itself. A
// reference to a file or an address is refused, because following it would read what the document's author chooses.
import { parseDocument } from 'yaml';
import { isObject } from './model';

/** A document that cannot be used; the message is for people. */
export class DocumentFault extends Error {}

/** Deeper nesting is no document but an attack on whoever walks it. */
const maxDepth = 200;
/** Below these keys lies data of the author, in which `$ref` means nothing. */
const dataKeys = new Set(['example', 'examples', 'default', 'enum', 'const']);

export type Document = Record<string, unknown>;

/** @throws DocumentFault */
export function parseText(text: string): Document {
  const value = text.trimStart().startsWith('{') ? parseJson(text) : parseYaml(text);
  if (!isObject(value)) throw new DocumentFault('This is not an OpenAPI document: it is not an object at its top.');
  checkVersion(value);
  checkTree(value, '#', 0, false);
  return value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // YAML is nearly a superset; a document that begins like JSON is JSON with a fault.
    throw new DocumentFault(`The document is not valid JSON: ${(error as Error).message.slice(0, 200)}`);
  }
}

/** Aliases are bounded by the parser (maxAliasCount), so that a small text cannot stand for a huge tree. */
function parseYaml(text: string): unknown {
  const parsed = parseDocument(text, { logLevel: 'silent', prettyErrors: true, merge: true });
  const [fault] = parsed.errors;
  if (fault) throw new DocumentFault(`The document is neither JSON nor valid YAML: ${firstLine(fault.message)}`);
  try {
    return parsed.toJS({ maxAliasCount: 1000 });
  } catch (error) {
    throw new DocumentFault(`The YAML cannot be read: ${firstLine((error as Error).message)}`);
  }
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').slice(0, 300);
}

function checkVersion({ openapi, swagger, paths, components, webhooks }: Document): void {
  if (typeof swagger === 'string' || typeof swagger === 'number') {
    throw new DocumentFault(
      `This is a Swagger ${String(swagger).slice(0, 20)} document. Convert it to OpenAPI 3 first, e.g. with ` +
        '"npx swagger2openapi old.json -o new.json" or at https://converter.swagger.io, and give the result.',
    );
  }
  if (typeof openapi !== 'string' || !/^3\.\d+(\.\d+)?/.test(openapi)) {
    const found = openapi === undefined ? 'it has no "openapi" field' : `its "openapi" is ${JSON.stringify(openapi)}`;
    throw new DocumentFault(`This is not an OpenAPI 3 document: ${found.slice(0, 100)}.`);
  }
  if (!isObject(paths) && !isObject(webhooks) && !isObject(components)) {
    throw new DocumentFault('The document has no "paths".');
  }
}

/** Depth and references of the whole tree. */
function checkTree(value: unknown, pointer: string, depth: number, isData: boolean): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth > maxDepth) throw new DocumentFault(`The document is nested deeper than ${maxDepth} levels at ${pointer}.`);
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) checkTree(item, `${pointer}/${index}`, depth + 1, isData);
    return;
  }
  for (const [key, item] of Object.entries(value)) {
    if (!isData && key === '$ref' && typeof item === 'string') checkReference(item, pointer);
    if (typeof item !== 'object' || item === null) continue;
    const below = isData || key.startsWith('x-') || (dataKeys.has(key) && !pointer.endsWith('/properties'));
    checkTree(item, `${pointer}/${escapePointer(key)}`, depth + 1, below);
  }
}

function checkReference(reference: string, pointer: string): void {
  if (reference.startsWith('#')) return;
  throw new DocumentFault(
    `${pointer} refers to ${JSON.stringify(reference.slice(0, 200))}: the hub reads one document and follows no ` +
      'reference out of it. Bundle it into one file first, e.g. with "npx @redocly/cli bundle openapi.yaml".',
  );
}

export function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** The value that a reference inside the document means (RFC 6901 in a URI fragment); undefined where there is none. */
export function lookUp(document: Document, reference: string): unknown {
  if (reference === '#') return document;
  if (!reference.startsWith('#/')) return undefined;
  let at: unknown = document;
  for (const token of reference.slice(2).split('/')) {
    if (typeof at !== 'object' || at === null) return undefined;
    const key = decode(token).replaceAll('~1', '/').replaceAll('~0', '~');
    at = Object.hasOwn(at, key) ? (at as Record<string, unknown>)[key] : undefined;
  }
  return at;
}

function decode(token: string): string {
  try {
    return decodeURIComponent(token);
  } catch {
    return token;
  }
}

/** How many references in a row lead to one thing. */
const maxHops = 20;

/** What an object means that may be a Reference Object; its own `summary` and `description` count (3.1). */
export function resolve(document: Document, value: unknown): Record<string, unknown> | null {
  let at = value;
  for (let hop = 0; hop < maxHops; hop += 1) {
    if (!isObject(at)) return null;
    if (typeof at.$ref !== 'string') return at;
    const { $ref, ...siblings } = at;
    const target = lookUp(document, $ref);
    if (!isObject(target)) return null;
    at = Object.keys(siblings).length === 0 ? target : { ...target, ...siblings };
  }
  return null;
}
