import { describe, expect, it } from 'vitest';
import { encodeHeaderValue, headersOfArguments, readHeaderParams } from '../../../../worker/upstream/header-params';

const schema = (properties: Record<string, unknown>, more: Record<string, unknown> = {}) => ({
  type: 'object',
  properties,
  ...more,
});
const annotated = (name: unknown, type: unknown = 'string') => ({ type, 'x-mcp-header': name });

describe('values of Mcp-Name and Mcp-Param headers', () => {
  // The examples of basic/transports/streamable-http, value encoding (2026-07-28), and what lies beside them.
  it.each([
    ['us-west1', 'us-west1'],
    ['Hello, 世界', '=?base64?SGVsbG8sIOS4lueVjA==?='],
    [' padded ', '=?base64?IHBhZGRlZCA=?='],
    ['line1\nline2', '=?base64?bGluZTEKbGluZTI=?='],
    ['=?base64?literal?=', '=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?='],
    ['=?base64?literal', '=?base64?literal'],
    ['in\tside', 'in\tside'],
    ['\ttab', '=?base64?CXRhYg==?='],
    ['\u007f', '=?base64?fw==?='],
    ['', ''],
  ])('%j goes as %j', (value, header) => {
    expect(encodeHeaderValue(value)).toBe(header);
  });

  it('come from the exact path of the annotated property; what is absent, null or of another kind has none', () => {
    const read = readHeaderParams(
      schema({
        region: annotated('Region'),
        count: annotated('Count', 'integer'),
        flag: annotated('Flag', 'boolean'),
        deep: schema({ er: annotated('Deep') }),
      }),
    );
    const of = (args: unknown) => {
      const headers: string[] = [];
      if ('params' in read) headersOfArguments(read.params, args, headers);
      return headers;
    };
    expect(of({ region: 'eu', count: -7, flag: false, deep: { er: 'x' } })).toEqual([
      'mcp-param-region',
      'eu',
      'mcp-param-count',
      '-7',
      'mcp-param-flag',
      'false',
      'mcp-param-deep',
      'x',
    ]);
    expect(of({ region: null, count: {}, deep: 'er' })).toEqual([]);
    expect(of(undefined)).toEqual([]);
    expect(of(Object.create({ region: 'inherited' }))).toEqual([]);
  });
});

describe('the annotations of a tool are refused', () => {
  it.each([
    ['an empty name', schema({ a: annotated('') })],
    ['a name that is no token', schema({ a: annotated('a b') })],
    ['a line break in the name', schema({ a: annotated('a\r\nb') })],
    ['no text', schema({ a: annotated(5) })],
    ['a number', schema({ a: annotated('A', 'number') })],
    ['several types', schema({ a: annotated('A', ['string', 'null']) })],
    ['no type', schema({ a: { 'x-mcp-header': 'A' } })],
    ['the same name twice', schema({ a: annotated('A'), b: annotated('a') })],
    ['the root', { ...schema({}), 'x-mcp-header': 'A' }],
    ['items', schema({ a: { type: 'array', items: annotated('A') } })],
    ['a composition', schema({}, { anyOf: [schema({ a: annotated('A') })] })],
    ['a condition', schema({}, { if: schema({ a: annotated('A') }) })],
    ['a definition', schema({}, { $defs: { a: annotated('A') } })],
    ['additional properties', schema({}, { additionalProperties: annotated('A') })],
  ])('on or with %s', (_what, inputSchema) => {
    expect(readHeaderParams(inputSchema)).toHaveProperty('fault');
  });

  it('but not for a property that is called so, or for data', () => {
    const plain = schema({ 'x-mcp-header': { type: 'string', default: { 'x-mcp-header': '' } } });
    expect(readHeaderParams(plain)).toEqual({ params: [] });
  });

  it('and depth costs no stack [N-RPC-11]', () => {
    let nested: unknown = annotated('A');
    for (let depth = 0; depth < 100_000; depth += 1) nested = { items: nested };
    expect(readHeaderParams(nested)).toEqual({ params: [] });
  });
});
