// The OpenAPI 3.1 document, made from the zod schemas that the routes parse with.
import { z } from 'zod';
import { bodies } from './bodies';
import { type Operation, operations } from './operations';
import { answers } from './shapes';

type Json = Record<string, unknown>;

/** @param serverUrl the hub's public URL */
export function openApiDocument(serverUrl: string): Json {
  const schemas = Object.fromEntries([
    ...Object.entries(bodies).map(([name, schema]) => [name, schemaOf(schema, 'input')]),
    ...Object.entries(answers).map(([name, schema]) => [name, schemaOf(schema, 'output')]),
  ]);
  const paths = Object.fromEntries(
    Object.entries(operations).map(([path, methods]) => [
      path,
      Object.fromEntries(Object.entries(methods).map(([method, row]) => [method, operationOf(path, method, row)])),
    ]),
  );
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: 'MCPHub',
      version: '1',
      description: 'No right reads as 404, like absence. Unknown fields and parameters are refused.',
    },
    servers: [{ url: serverUrl }],
    security: [{ bearer: [] }, { browserSession: [] }],
    paths,
    components: {
      schemas,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'An API key' },
        browserSession: { type: 'apiKey', in: 'cookie', name: 'next-auth.session-token' },
      },
    },
  };
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}

function operationOf(path: string, method: string, row: Operation): Json {
  const { status = 200 } = row;
  return {
    operationId: operationId(path, method),
    summary: row.summary,
    ...(row.anonymous && { security: [] }),
    parameters: parametersOf(path, row),
    ...(row.body && {
      requestBody: {
        required: row.isBodyOptional !== true,
        content: { 'application/json': { schema: reference(row.body) } },
      },
    }),
    responses: {
      [status]: answerOf(row),
      ...Object.fromEntries(problemsOf(row).map((code) => [code, problemAnswer])),
    },
  };
}

function operationId(path: string, method: string): string {
  const words = path.replace('/api/v1/', '').split('/');
  return [method, ...words.map((word) => word.replace(/^\{(.*)\}$/, 'by-$1'))].join('-');
}

function parametersOf(path: string, { query, versioned }: Operation): Json[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const { properties = {}, required = [] } = query ? schemaOf(query, 'input') : {};
  const inQuery = Object.entries(properties as Json).map(([name, schema]) => ({
    name,
    in: 'query',
    required: (required as string[]).includes(name),
    schema,
  }));
  const ifMatch = { name: 'If-Match', in: 'header', required: false, schema: { type: 'string', examples: ['"3"'] } };
  return [...inPath, ...inQuery, ...(versioned === 'if-match' || versioned === 'both' ? [ifMatch] : [])];
}

function answerOf({ answer, text, versioned, status }: Operation): Json {
  const hasTag = versioned === 'etag' || versioned === 'both';
  return {
    description: status === 204 ? 'Done' : status === 201 ? 'Created' : 'OK',
    ...(hasTag && { headers: { ETag: { schema: { type: 'string' } } } }),
    ...(text && { content: Object.fromEntries(text.map((type) => [type, { schema: { type: 'string' } }])) }),
    ...(answer && { content: { 'application/json': { schema: reference(answer) } } }),
  };
}

/** Every operation can find its input, the caller's credential or the database wanting. */
function problemsOf({ problems = [], body }: Operation): number[] {
  return [...new Set([400, 401, 500, 503, ...(body ? [413, 415] : []), ...problems])].sort();
}

const problemAnswer = {
  description: 'Problem details (RFC 9457)',
  content: { 'application/problem+json': { schema: reference('Problem') } },
};

function reference(name: string): Json {
  return { $ref: `#/components/schemas/${name}` };
}
