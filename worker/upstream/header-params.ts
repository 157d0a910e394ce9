// Tool arguments that go into headers too: the `x-mcp-header` annotations of an inputSchema and the encoding of their
// values (basic/transports/streamable-http, custom headers from tool parameters, 2026-07-28).

const annotation = 'x-mcp-header';
/** `1*tchar`, RFC 9110 §5.6.2. */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const types = new Set(['string', 'integer', 'boolean']);
/** Keywords whose value is data and no schema. */
const dataKeywords = new Set(['default', 'const', 'enum', 'examples']);
/** Keywords whose value maps names to schemas, from where nothing counts as reachable. */
const mapKeywords = new Set(['patternProperties', '$defs', 'definitions', 'dependentSchemas']);
/** No annotation can be valid that deep, and nobody's stack shall depend on a schema. */
const maxDepth = 200;

/** One annotated property. */
export interface HeaderParam {
  /** With its prefix, in lower case. */
  header: string;
  /** Names of the properties that lead to it. */
  path: readonly string[];
}

/** The annotated properties of a tool, or in plain words why its annotations are invalid. */
export function readHeaderParams(inputSchema: unknown): { params: HeaderParam[] } | { fault: string } {
  const params = new Map<string, HeaderParam>();
  let fault: string | null = null;

  function visit(node: unknown, path: readonly string[] | null, depth: number): void {
    if (typeof node !== 'object' || node === null || fault !== null || depth > maxDepth) return;
    if (Array.isArray(node)) {
      for (const each of node) visit(each, null, depth + 1);
      return;
    }
    const schema = node as Record<string, unknown>;
    if (Object.hasOwn(schema, annotation)) take(schema, path);
    for (const [key, value] of Object.entries(schema)) {
      if (dataKeywords.has(key)) continue;
      if (key === 'properties') visitMap(value, path, depth);
      else if (mapKeywords.has(key)) visitMap(value, null, depth);
      else visit(value, null, depth + 1);
    }
  }

  function visitMap(map: unknown, path: readonly string[] | null, depth: number): void {
    if (typeof map !== 'object' || map === null || Array.isArray(map)) return;
    for (const [name, value] of Object.entries(map)) visit(value, path && [...path, name], depth + 1);
  }

  function take(schema: Record<string, unknown>, path: readonly string[] | null): void {
    const name = schema[annotation];
    const shown = JSON.stringify(String(name).slice(0, 64));
    if (path === null || path.length === 0) fault = `x-mcp-header ${shown} is not on a plain property.`;
    else if (typeof name !== 'string' || !token.test(name)) fault = `x-mcp-header ${shown} is no legal header name.`;
    else if (!types.has(schema.type as string)) fault = `x-mcp-header ${shown} is not on a string, integer or boolean.`;
    else if (params.has(name.toLowerCase())) fault = `x-mcp-header ${shown} is used twice.`;
    else params.set(name.toLowerCase(), { header: `mcp-param-${name.toLowerCase()}`, path });
  }

  visit(inputSchema, [], 0);
  return fault === null ? { params: [...params.values()] } : { fault };
}

/** Adds the headers of a call's arguments. What is absent or null has none. */
export function headersOfArguments(params: readonly HeaderParam[], args: unknown, headers: string[]): void {
  for (const { header, path } of params) {
    let value: unknown = args;
    for (const name of path) {
      const isHolder = typeof value === 'object' && value !== null && Object.hasOwn(value, name);
      value = isHolder ? (value as Record<string, unknown>)[name] : undefined;
    }
    if (typeof value === 'string') headers.push(header, encodeHeaderValue(value));
    else if (typeof value === 'number' || typeof value === 'boolean') headers.push(header, String(value));
  }
}

const plain = /^[\t\x20-\x7e]*$/;
const padded = /^[\t ]|[\t ]$/;

/** As it is where a header can carry it, else `=?base64?…?=` of its UTF-8 bytes. */
export function encodeHeaderValue(value: string): string {
  const isSentinel = value.startsWith('=?base64?') && value.endsWith('?=');
  if (plain.test(value) && !padded.test(value) && !isSentinel) return value;
  return `=?base64?${Buffer.from(value, 'utf8').toString('base64')}?=`;
}
