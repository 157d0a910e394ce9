// What is no document, what leads out of one, and what is odd in one.
import { describe, expect, it } from 'vitest';
import { tokensOfTool } from '../../../../../lib/routing/tokens';
import { parseText } from '../../../../../worker/upstream/openapi/document';
import type { OperationPlan } from '../../../../../worker/upstream/openapi/model';
import { readOperations } from '../../../../../worker/upstream/openapi/operations';
import { chooser } from '../../../../../worker/upstream/openapi/selection';

const head = { openapi: '3.0.3', info: { title: 'T', version: '1' } };
const read = (document: object) => readOperations(parseText(JSON.stringify({ ...head, ...document })));

describe('a text is refused', () => {
  it.each([
    ['nothing', '', 'not an OpenAPI document'],
    ['a list', '[1]', 'not an OpenAPI document'],
    ['a page', '<!doctype html><html><body>hello: world</body></html>', 'not'],
    ['cut JSON', '{"openapi": "3.0.0", ', 'not valid JSON'],
    ['broken YAML', 'openapi: 3.0.0\n  - a: [', 'neither JSON nor valid YAML'],
    ['another object', '{"name":"package"}', 'no "openapi" field'],
    ['OpenAPI 4', '{"openapi":"4.0.0","paths":{}}', 'its "openapi" is "4.0.0"'],
    ['Swagger 2.0', '{"swagger":"2.0","paths":{}}', 'swagger2openapi'],
    ['no paths', '{"openapi":"3.0.0","info":{}}', 'no "paths"'],
    ['deep nesting', `{"openapi":"3.0.0","paths":${'{"a":'.repeat(300)}1${'}'.repeat(300)}}`, 'deeper than 200'],
    [
      'an alias bomb',
      `openapi: 3.0.0\npaths: {}\na: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d]`,
      'alias',
    ],
  ])('that is %s', (_name, text, part) => {
    expect(() => parseText(text)).toThrow(part);
  });

  it.each(['http://169.254.169.254/x.json', './pets.yaml#/Pet', 'file:///etc/passwd', 'pets.json'])(
    'whose reference leads to %s, with the place and what to do',
    ($ref) => {
      const paths = { '/x': { get: { parameters: [{ $ref }] } } };
      expect(() => read({ paths })).toThrow(/#\/paths\/~1x\/get\/parameters\/0 refers to .*Bundle/);
    },
  );

  it('but not for a "$ref" in data, nor for a property of that name', () => {
    const schema = { type: 'object', properties: { $ref: { type: 'string' } }, example: { $ref: 'http://x.test/y' } };
    const paths = { '/x': { post: { requestBody: { content: { 'application/json': { schema } } } } } };
    expect(read({ paths }).operations.length).toBe(1);
  });
});

describe('names of tools', () => {
  const names = (paths: object) => read({ paths }).operations.map(({ tool }) => tool.name);

  it('of one operationId are those of method and path', () => {
    const operation = { operationId: 'list' };
    expect(
      names({ '/a': { get: operation }, '/b/{id}': { post: operation }, '/c': { get: { operationId: 'one' } } }),
    ).toEqual(['get_a', 'post_b_id', 'one']);
  });

  it('are cut with a hash, and told apart where the legal part is the same, whatever the order', () => {
    const long = 'x'.repeat(80);
    const paths = {
      '/a': { get: { operationId: `${long}1` } },
      '/b': { get: { operationId: `${long}2` } },
      '/c/d': { get: {} },
      '/c_d': { get: {} },
    };
    const found = names(paths);
    expect(new Set(found).size).toBe(4);
    expect(found.every((name) => name.length <= 64)).toBe(true);
    const reversed = names(Object.fromEntries(Object.entries(paths).reverse()));
    expect(reversed.reverse()).toEqual(found);
  });

  it('are legal for any operationId', () => {
    expect(names({ '/a': { get: { operationId: 'pets.find all/ü' } }, '/': { get: { operationId: '日本' } } })).toEqual(
      ['pets_find_all_u', expect.stringMatching(/^[A-Za-z0-9_-]{1,64}$/)],
    );
  });
});

describe('schemas', () => {
  const inputOf = (schema: object, version = '3.0.3', components = {}) => {
    const paths = { '/x': { post: { requestBody: { content: { 'application/json': { schema } } } } } };
    const plan = readOperations(parseText(JSON.stringify({ ...head, openapi: version, paths, components })));
    const [{ tool }] = plan.operations as [OperationPlan];
    const { properties, $defs } = tool.inputSchema as Record<string, Record<string, unknown>>;
    return { body: properties?.body, $defs };
  };

  it('of 3.0 become those of JSON Schema 2020-12', () => {
    const schema = {
      type: 'object',
      required: ['id', 'a', 'a'],
      properties: {
        a: { type: 'integer', minimum: 1, exclusiveMinimum: true, maximum: 9, nullable: true, example: 3 },
        b: { enum: ['x'], type: 'string', nullable: true },
        c: { nullable: true, allOf: [{ type: 'string' }] },
        d: { type: 'strange', pattern: '[', minLength: -1, xml: {} },
        id: { type: 'string', readOnly: true },
      },
    };
    expect(inputOf(schema).body).toEqual({
      type: 'object',
      required: ['a'],
      properties: {
        a: { type: ['integer', 'null'], exclusiveMinimum: 1, maximum: 9, examples: [3] },
        b: { enum: ['x', null], type: ['string', 'null'] },
        c: { anyOf: [{ allOf: [{ type: 'string' }] }, { type: 'null' }] },
        d: {},
      },
    });
  });

  it('that are circular keep their references within the tool', () => {
    const Node = {
      type: 'object',
      properties: { next: { $ref: '#/components/schemas/Node' }, name: { type: 'string' } },
    };
    const { body, $defs } = inputOf({ $ref: '#/components/schemas/Node' }, '3.1.0', { schemas: { Node } });
    expect(body).toEqual({ $ref: '#/$defs/Node' });
    expect($defs?.Node).toEqual({
      type: 'object',
      properties: { next: { $ref: '#/$defs/Node' }, name: { type: 'string' } },
    });
  });

  it('that are huge stay within bounds, their farthest parts left open', () => {
    const schemas = Object.fromEntries(
      Array.from({ length: 500 }, (_, at) => [
        `S${at}`,
        {
          type: 'object',
          properties: {
            next: { $ref: `#/components/schemas/S${(at + 1) % 500}` },
            ...Object.fromEntries(
              Array.from({ length: 20 }, (__, n) => [`p${n}`, { type: 'string', description: 'some words' }]),
            ),
          },
        },
      ]),
    );
    const made = inputOf({ $ref: '#/components/schemas/S0' }, '3.0.3', { schemas });
    expect(JSON.stringify(made).length).toBeLessThan(40_000);
    expect(made.$defs?.S0).toBeDefined();
  });
});

describe('the choice of operations', () => {
  const { operations } = read({
    paths: {
      '/pets': { get: { operationId: 'list', tags: ['pets'] }, post: { tags: ['pets'] } },
      '/pets/{id}': { delete: { tags: ['admin'] } },
      '/admin/users/{id}': { get: {} },
    },
  });
  const keys = (settings: Parameters<typeof chooser>[0]) => operations.filter(chooser(settings)).map(({ key }) => key);

  it.each([
    [{}, 4],
    [{ include: { tags: ['pets'] } }, 2],
    [{ include: { operations: ['list', 'DELETE /pets/{id}'] } }, 2],
    [{ include: { paths: ['/pets/*'] } }, 1],
    [{ include: { paths: ['/admin/**'] } }, 1],
    [{ include: { paths: ['/admin/*'] } }, 0],
    [{ include: { methods: ['GET' as const] } }, 2],
    [{ exclude: { methods: ['DELETE' as const], paths: ['/admin/**'] } }, 2],
    [{ include: { tags: ['pets'] }, exclude: { operations: ['list'] } }, 1],
  ])('by %j', (settings, count) => {
    expect(keys(settings).length).toBe(count);
  });

  it('has a size', () => {
    expect(tokensOfTool((operations[0] as OperationPlan).tool)).toBeGreaterThan(10);
  });
});
