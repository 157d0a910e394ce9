// Calls of an OpenAPI server against a real HTTP server that records what it got.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OpenApiSettings } from '../../../../../lib/openapi/schema';
import { createEgress, openUpstream, type Upstream } from '../../../../../worker/upstream';
import { listAll } from '../../../../../worker/upstream/listing';
import { type ApiServer, startApi } from '../../../../support/api-server';
import { until } from '../../../../support/until';

let api: ApiServer;
const opened: Upstream[] = [];

beforeAll(async () => {
  api = await startApi();
});

afterAll(async () => {
  for (const upstream of opened) await upstream.close();
  await api.close();
});

type Operation = Record<string, unknown>;

interface Options {
  settings?: OpenApiSettings;
  headers?: Record<string, string>;
  egress?: string;
  rest?: Record<string, unknown>;
}

function documentOf(paths: Record<string, Record<string, Operation>>, rest: Record<string, unknown> = {}): string {
  return JSON.stringify({
    openapi: '3.0.3',
    info: { title: 'Test', version: '1' },
    servers: [{ url: `${api.url}/v1` }],
    paths,
    ...rest,
  });
}

async function openWith(text: string, { settings = {}, headers = {}, egress = 'private-allowed' }: Options = {}) {
  const target = {
    name: 'api',
    type: 'openapi' as const,
    command: null,
    args: [],
    env: {},
    cwd: null,
    url: null,
    headers,
    openapi: settings,
  };
  const upstream = await openUpstream(
    target,
    {
      client: { name: 'mcphub', version: '0.0.0' },
      egress: createEgress(egress),
      signal: new AbortController().signal,
      documents: { load: async () => text, save: async () => {} },
      process: { marker: '', ownEnv: {}, beforeStop: async () => {}, reap: async () => {} },
    },
    { notification() {}, closed() {}, spawned() {}, stderr() {}, doubtful() {} },
  );
  opened.push(upstream);
  return upstream;
}

const open = (paths: Record<string, Record<string, Operation>>, options: Options = {}) =>
  openWith(documentOf(paths, options.rest), options);

interface Result {
  content: {
    type: string;
    text?: string;
    data?: string;
    mimeType?: string;
    resource?: { uri: string; blob: string };
  }[];
  structuredContent?: Record<string, unknown>;
  isError?: boolean;
  _meta?: Record<string, Record<string, unknown>>;
}

async function call(upstream: Upstream, name: string, args: Record<string, unknown> = {}, timeoutMs = 10_000) {
  const answer = await upstream.call('tools/call', { name, arguments: args }, { timeoutMs }).answer;
  expect(answer.kind).toBe('result');
  return answer.value as Result;
}

/** Schemas of the arguments of its first tool. */
async function argumentsOf(upstream: Upstream): Promise<Record<string, unknown>> {
  const [tool] = (await listAll(upstream)).tools;
  return (tool?.inputSchema as { properties: Record<string, unknown> } | undefined)?.properties ?? {};
}

const parameter = (name: string, place: string, rest: Record<string, unknown> = {}) => ({
  name,
  in: place,
  required: place === 'path',
  schema: {},
  ...rest,
});

describe('parameters', () => {
  const list = ['blue', 'black'];
  const map = { R: 100, G: 200 };
  // Value → how it stands in the address: the table of "Style Examples" in the Parameter Object, names percent-encoded.
  const cases: [style: string, place: string, explode: boolean, value: unknown, expected: string][] = [
    ['simple', 'path', false, 'blue', '/blue'],
    ['simple', 'path', false, list, '/blue,black'],
    ['simple', 'path', true, list, '/blue,black'],
    ['simple', 'path', false, map, '/R,100,G,200'],
    ['simple', 'path', true, map, '/R=100,G=200'],
    ['label', 'path', false, 'blue', '/.blue'],
    ['label', 'path', false, list, '/.blue,black'],
    ['label', 'path', true, list, '/.blue.black'],
    ['label', 'path', false, map, '/.R,100,G,200'],
    ['label', 'path', true, map, '/.R=100.G=200'],
    ['matrix', 'path', false, 'blue', '/;color=blue'],
    ['matrix', 'path', false, list, '/;color=blue,black'],
    ['matrix', 'path', true, list, '/;color=blue;color=black'],
    ['matrix', 'path', false, map, '/;color=R,100,G,200'],
    ['matrix', 'path', true, map, '/;R=100;G=200'],
    ['form', 'query', true, 'blue', '?color=blue'],
    ['form', 'query', false, list, '?color=blue,black'],
    ['form', 'query', true, list, '?color=blue&color=black'],
    ['form', 'query', false, map, '?color=R,100,G,200'],
    ['form', 'query', true, map, '?R=100&G=200'],
    ['spaceDelimited', 'query', false, list, '?color=blue%20black'],
    ['spaceDelimited', 'query', false, map, '?color=R%20100%20G%20200'],
    ['pipeDelimited', 'query', false, list, '?color=blue%7Cblack'],
    ['pipeDelimited', 'query', false, map, '?color=R%7C100%7CG%7C200'],
    ['deepObject', 'query', true, map, '?color%5BR%5D=100&color%5BG%5D=200'],
    ['deepObject', 'query', true, { a: { b: 1 }, c: [1, 2] }, '?color%5Ba%5D%5Bb%5D=1&color%5Bc%5D=1&color%5Bc%5D=2'],
  ];

  it('are written in every style, with and without explode', async () => {
    const paths = Object.fromEntries(
      cases.map(([style, place, explode], at) => [
        place === 'path' ? `/p${at}/{color}` : `/p${at}`,
        { get: { operationId: `op${at}`, parameters: [parameter('color', place, { style, explode })] } },
      ]),
    );
    const upstream = await open(paths);
    for (const [at, [, , , value, expected]] of cases.entries()) {
      await call(upstream, `op${at}`, { color: value });
      expect(api.last().url, `case ${at}`).toBe(`/v1/p${at}${expected}`);
    }
  });

  it('go into headers and cookies, and as JSON where the document says so', async () => {
    const upstream = await open({
      '/x': {
        get: {
          operationId: 'x',
          parameters: [
            parameter('X-List', 'header'),
            parameter('X-Map', 'header', { explode: true }),
            parameter('flavour', 'cookie'),
            parameter('filter', 'query', { schema: undefined, content: { 'application/json': { schema: {} } } }),
          ],
        },
      },
    });
    await call(upstream, 'x', { 'X-List': ['a', 'b'], 'X-Map': { k: 'v' }, flavour: 'dark; choc', filter: { a: [1] } });
    expect(api.last().headers).toMatchObject({ 'x-list': 'a,b', 'x-map': 'k=v', cookie: 'flavour=dark%3B%20choc' });
    expect(api.last().url).toBe('/v1/x?filter=%7B%22a%22%3A%5B1%5D%7D');
  });

  it('keep reserved characters only where that is allowed, and never those that would begin another parameter', async () => {
    const upstream = await open({
      '/x': {
        get: {
          operationId: 'x',
          parameters: [parameter('a', 'query', { allowReserved: true }), parameter('b', 'query')],
        },
      },
    });
    await call(upstream, 'x', { a: '/x?y=1&z=2#f +', b: '/x?y=1&z=2#f +' });
    expect(api.last().url).toBe('/v1/x?a=/x?y=1%26z=2%23f%20%2B&b=%2Fx%3Fy%3D1%26z%3D2%23f%20%2B');
  });

  it('of one name in several places are told apart', async () => {
    const same = ['path', 'query', 'header'].map((place) => parameter('id', place));
    const body = { content: { 'application/json': { schema: { type: 'object' } } } };
    const upstream = await open({
      '/x/{id}': { post: { operationId: 'x', parameters: [...same, parameter('body', 'query')], requestBody: body } },
    });
    expect(Object.keys(await argumentsOf(upstream))).toEqual(['id', 'id_query', 'body_query', 'id_header', 'body']);
    await call(upstream, 'x', { id: 1, id_query: 2, id_header: '3', body_query: 4, body: { id: 5 } });
    expect(api.last()).toMatchObject({ url: '/v1/x/1?id=2&body=4', headers: { id: '3' } });
    expect(api.last().body.toString()).toBe('{"id":5}');
  });

  it.each([
    ['../admin', '".."'],
    ['..', '".."'],
    ['.', '".."'],
    ['a/../../b', '".."'],
    ['..%2Fadmin', '".."'],
    ['..\\admin', '".."'],
    ['', 'empty'],
    ['a\r\nb', 'control characters'],
  ])('of a path may not be %j', async (id, why) => {
    const upstream = await open({ '/x/{id}': { get: { operationId: 'x', parameters: [parameter('id', 'path')] } } });
    const before = api.seen.length;
    const result = await call(upstream, 'x', { id });
    expect(result.isError).toBe(true);
    expect(result.content[0]?.text).toContain('/id: ');
    expect(result.content[0]?.text).toContain(why);
    expect(api.seen.length).toBe(before);
  });

  it('of a path may hold a slash, which is encoded', async () => {
    const upstream = await open({ '/x/{id}': { get: { operationId: 'x', parameters: [parameter('id', 'path')] } } });
    await call(upstream, 'x', { id: 'heads/main?x#y' });
    expect(api.last().url).toBe('/v1/x/heads%2Fmain%3Fx%23y');
  });

  it.each(['a\r\nx-evil: 1', 'a\nb', 'a\0b', 'snow \u2603'])('of a header may not be %j', async (value) => {
    const upstream = await open({ '/x': { get: { operationId: 'x', parameters: [parameter('X-A', 'header')] } } });
    const before = api.seen.length;
    const result = await call(upstream, 'x', { 'X-A': value });
    expect(result.isError).toBe(true);
    expect(result.content[0]?.text).toContain('/X-A: ');
    expect(api.seen.length).toBe(before);
  });

  it('that do not fit the schema are refused with their pointer, and nothing is sent', async () => {
    const schema = { type: 'object', properties: { age: { type: 'integer' } }, required: ['name'] };
    const upstream = await open({
      '/x': {
        post: {
          operationId: 'x',
          parameters: [parameter('n', 'query', { schema: { type: 'integer', maximum: 5 } })],
          requestBody: { required: true, content: { 'application/json': { schema } } },
        },
      },
    });
    const before = api.seen.length;
    const texts: [args: Record<string, unknown>, part: string][] = [
      [{ n: 'x', body: { name: 'a' } }, '/n: '],
      [{ n: 9, body: { name: 'a' } }, '/n: '],
      [{ body: { name: 'a', age: 'old' } }, '/body/age: '],
      [{ body: {} }, 'name'],
      [{}, 'body'],
      [{ body: { name: 'a' }, other: 1 }, '/other: there is no such argument'],
    ];
    for (const [args, part] of texts) {
      const result = await call(upstream, 'x', args);
      expect(result.isError).toBe(true);
      expect(result.content[0]?.text).toContain(part);
    }
    expect(api.seen.length).toBe(before);
  });
});

describe('bodies', () => {
  const post = (contentType: string, schema: Record<string, unknown> = {}, encoding?: Record<string, unknown>) => ({
    '/x': {
      post: {
        operationId: 'x',
        requestBody: { content: { [contentType]: { schema, ...(encoding && { encoding }) } } },
      },
    },
  });

  it('of JSON may be of any shape and keep the media type of the document', async () => {
    const upstream = await open(post('application/vnd.api+json', { type: 'array' }));
    await call(upstream, 'x', { body: [1, { a: 'ü' }] });
    expect(api.last().headers['content-type']).toBe('application/vnd.api+json');
    expect(api.last().body.toString()).toBe('[1,{"a":"ü"}]');
  });

  it('of forms are encoded by property', async () => {
    const upstream = await open(
      post('application/x-www-form-urlencoded', { type: 'object' }, { deep: { style: 'deepObject', explode: true } }),
    );
    await call(upstream, 'x', { body: { a: 'x y&z', list: [1, 2], map: { k: 1 }, deep: { k: 'v' }, none: null } });
    expect(api.last().headers['content-type']).toBe('application/x-www-form-urlencoded');
    expect(api.last().body.toString()).toBe('a=x%20y%26z&list=1&list=2&map=%7B%22k%22%3A1%7D&deep%5Bk%5D=v');
  });

  it('of multipart forms hold files with name and type', async () => {
    const binary = { type: 'string', format: 'binary' };
    const properties = {
      file: binary,
      files: { type: 'array', items: binary },
      note: { type: 'string' },
      map: { type: 'object' },
    };
    const upstream = await open(post('multipart/form-data', { type: 'object', properties }));
    const shown = (await argumentsOf(upstream)).body as { properties: Record<string, { properties?: object }> };
    expect(Object.keys(shown.properties.file?.properties ?? {})).toEqual(['data', 'fileName', 'contentType']);
    const data = Buffer.from([0, 255, 1]).toString('base64');
    await call(upstream, 'x', {
      body: {
        file: { data, fileName: 'a"b\r\n.png', contentType: 'image/png' },
        files: [{ data }, { data }],
        note: 'hi',
        map: { k: 1 },
      },
    });
    const { headers, body } = api.last();
    const form = await new Response(new Uint8Array(body), {
      headers: { 'content-type': String(headers['content-type']) },
    }).formData();
    const file = form.get('file') as File;
    expect([file.type, file.size]).toEqual(['image/png', 3]);
    expect(body.toString('latin1')).toContain('filename="a%22b%0D%0A.png"');
    expect(form.getAll('files').length).toBe(2);
    expect(form.get('note')).toBe('hi');
    expect(body.toString('latin1')).toContain('Content-Type: application/json\r\n\r\n{"k":1}');
    const bad = await call(upstream, 'x', { body: { file: { data, contentType: 'a\r\nb' } } });
    expect(bad.content[0]?.text).toContain('/body/file/contentType');
    expect((await call(upstream, 'x', { body: { file: { data: '***' } } })).content[0]?.text).toContain(
      '/body/file/data',
    );
  });

  it('of text and bytes go as they are', async () => {
    const text = await open(post('text/plain', { type: 'string' }));
    await call(text, 'x', { body: 'grüß' });
    expect(api.last().body.toString()).toBe('grüß');
    const bytes = await open(post('application/octet-stream', { type: 'string', format: 'binary' }));
    await call(bytes, 'x', { body: 'AP8B' });
    expect([...api.last().body]).toEqual([0, 255, 1]);
    expect(api.last().headers['content-type']).toBe('application/octet-stream');
    expect((await call(bytes, 'x', { body: 'no base64!' })).content[0]?.text).toContain('/body');
  });
});

describe('credentials', () => {
  const schemes = {
    header: { type: 'apiKey', in: 'header', name: 'X-Key' },
    query: { type: 'apiKey', in: 'query', name: 'key' },
    cookie: { type: 'apiKey', in: 'cookie', name: 'sid' },
    basic: { type: 'http', scheme: 'basic' },
    bearer: { type: 'http', scheme: 'bearer' },
    oauth: { type: 'oauth2', flows: { clientCredentials: { tokenUrl: '/token', scopes: { read: '' } } } },
  };
  const rest = { components: { securitySchemes: schemes } };
  const secured = (name: string, path = '/x') => ({
    [path]: { get: { operationId: 'x', security: [{ [name]: [] }] } },
  });

  it.each([
    ['header', { value: 's3cret' }, { headers: { 'x-key': 's3cret' } }],
    ['query', { value: 's3 cret&' }, { url: '/v1/x?key=s3%20cret%26' }],
    ['cookie', { value: 's3cret' }, { headers: { cookie: 'sid=s3cret' } }],
    ['basic', { username: 'me', password: 'pw' }, { headers: { authorization: 'Basic bWU6cHc=' } }],
    ['bearer', { token: 'abc' }, { headers: { authorization: 'Bearer abc' } }],
    ['oauth', { token: 'abc' }, { headers: { authorization: 'Bearer abc' } }],
  ])('of the kind %s are sent', async (name, given, expected) => {
    const upstream = await open(secured(name), { rest, settings: { auth: { [name]: given } } });
    await call(upstream, 'x');
    expect(api.last()).toMatchObject(expected);
  });

  it('are those of the first alternative that can be met, all of it', async () => {
    const security = [{ oauth: [] }, { header: [], query: [] }, { basic: [] }];
    const auth = { header: { value: 'h' }, query: { value: 'q' }, basic: { username: 'u' } };
    const upstream = await open({ '/x': { get: { operationId: 'x', security } } }, { rest, settings: { auth } });
    await call(upstream, 'x');
    expect(api.last()).toMatchObject({ url: '/v1/x?key=q', headers: { 'x-key': 'h' } });
    expect(api.last().headers.authorization).toBeUndefined();
  });

  it('cannot be set or changed by whoever calls the tool', async () => {
    const parameters = [parameter('X-Key', 'header'), parameter('key', 'query'), parameter('Authorization', 'header')];
    const upstream = await open(
      { '/x': { get: { operationId: 'x', parameters, security: [{ query: [] }] } } },
      { rest, settings: { auth: { query: { value: 'mine' } } }, headers: { 'X-Own': 'fixed' } },
    );
    expect(await argumentsOf(upstream)).toEqual({});
    await call(upstream, 'x');
    expect(api.last()).toMatchObject({ url: '/v1/x?key=mine', headers: { 'x-own': 'fixed' } });
  });

  it('of OAuth are fetched once for all that wait, kept, and fetched once more after a 401', async () => {
    const { tokens } = api;
    Object.assign(tokens, { given: 0, delayMs: 50, expiresIn: 3600, refuses: false });
    tokens.valid.clear();
    const auth = {
      oauth: { clientId: 'id', clientSecret: 'se:cret', tokenUrl: `${api.url}/token`, scopes: 'read write' },
    };
    const upstream = await open(secured('oauth', '/secure'), { rest, settings: { auth, baseUrl: api.url } });
    const results = await Promise.all(Array.from({ length: 8 }, () => call(upstream, 'x')));
    expect(results.every(({ isError }) => !isError)).toBe(true);
    expect(tokens.given).toBe(1);
    const asked = api.seen.find(({ url }) => url === '/token');
    expect(asked?.body.toString()).toBe('grant_type=client_credentials&scope=read+write');
    expect(asked?.headers.authorization).toBe(`Basic ${Buffer.from('id:se%3Acret').toString('base64')}`);
    tokens.valid.clear();
    expect((await call(upstream, 'x')).isError).toBeUndefined();
    expect(tokens.given).toBe(2);
  });

  it('of OAuth that the API goes on refusing are a result with the status, and a refused client an error', async () => {
    const { tokens } = api;
    Object.assign(tokens, { given: 0, delayMs: 0 });
    api.on('/never', (_request, response) => void response.writeHead(401).end());
    const auth = { oauth: { clientId: 'id', clientSecret: 's', tokenUrl: `${api.url}/token` } };
    const upstream = await open(secured('oauth', '/never'), { rest, settings: { auth, baseUrl: api.url } });
    const result = await call(upstream, 'x');
    expect(result.content[0]?.text).toContain('HTTP 401');
    expect(tokens.given).toBe(2);
    tokens.refuses = true;
    await expect(call(upstream, 'x')).rejects.toMatchObject({
      code: 'UPSTREAM_NEEDS_AUTH',
      message: expect.stringContaining('invalid_client'),
    });
    tokens.refuses = false;
  });

  it('of OAuth are fetched anew when they have expired', async () => {
    const { tokens } = api;
    Object.assign(tokens, { given: 0, expiresIn: 0.1 });
    const auth = { oauth: { clientId: 'id', clientSecret: 's', tokenUrl: `${api.url}/token` } };
    const upstream = await open(secured('oauth'), { rest, settings: { auth } });
    await call(upstream, 'x');
    await until(async () => {
      await call(upstream, 'x');
      return tokens.given >= 2;
    }, 5_000);
    tokens.expiresIn = 3600;
  });
});

describe('answers', () => {
  const at = (path: string, rest: Operation = {}) =>
    open({ [path]: { get: { operationId: 'x', ...rest } } }, { settings: { baseUrl: api.url } });
  const objectAnswer = {
    responses: {
      200: {
        description: '',
        content: {
          'application/json': {
            schema: {
              type: 'object',
              properties: { ok: { type: 'boolean' }, url: { type: 'string' } },
              required: ['missing'],
            },
          },
        },
      },
    },
  };

  it('of JSON are structured and text', async () => {
    const result = await call(await at('/y', objectAnswer), 'x');
    expect(result).toEqual({
      content: [{ type: 'text', text: '{"ok":true,"url":"/y"}' }],
      structuredContent: { ok: true, url: '/y' },
    });
  });

  it('that break the promised form reach the model as an error with the answer in it', async () => {
    const result = await call(await at('/list', objectAnswer), 'x');
    expect(result.isError).toBe(true);
    expect(result.content[1]?.text).toBe('[1,2]');
    expect(await call(await at('/nothing', objectAnswer), 'x')).toMatchObject({ structuredContent: {} });
  });

  it('of other kinds become their kind of content', async () => {
    expect((await call(await at('/image'), 'x')).content[0]).toMatchObject({ type: 'image', mimeType: 'image/png' });
    expect((await call(await at('/sound'), 'x')).content[0]).toMatchObject({ type: 'audio', mimeType: 'audio/wav' });
    expect((await call(await at('/bytes'), 'x')).content[0]).toMatchObject({
      type: 'resource',
      resource: { uri: `${api.url}/bytes`, mimeType: 'application/zip', blob: 'iVBORw0KGgo=' },
    });
    expect((await call(await at('/text'), 'x')).content[0]).toEqual({ type: 'text', text: 'grüß' });
    expect((await call(await at('/list'), 'x')).content[0]).toEqual({ type: 'text', text: '[1,2]' });
    expect((await call(await at('/gzip'), 'x')).structuredContent).toEqual({ packed: true });
  });

  it('that are errors tell status, waiting time and text', async () => {
    const busy = await call(await at('/busy'), 'x');
    expect(busy).toMatchObject({ isError: true, _meta: { 'mcphub/http': { status: 429, retryAfterMs: 7000 } } });
    expect(busy.content[0]?.text).toBe('HTTP 429\nretry-after: 7\n\n{"error":"slow down"}');
    const page = await call(await at('/page'), 'x');
    expect(page.content[0]?.text).toBe('HTTP 500\nx-request-id: r-1\n\nIt broke here');
  });

  it('that lead elsewhere on the same origin are followed, others not', async () => {
    expect((await call(await at('/redirect-here'), 'x')).structuredContent).toMatchObject({ url: '/landed?x=1' });
    const away = await call(await at('/redirect-away'), 'x');
    expect(away.isError).toBe(true);
    expect(away.content[0]?.text).toContain('169.254.169.254');
    expect((await call(await at('/redirect-loop'), 'x')).isError).toBe(true);
    const post = await open(
      { '/redirect-keep': { post: { operationId: 'x', requestBody: { content: { 'text/plain': {} } } } } },
      { settings: { baseUrl: api.url } },
    );
    await call(post, 'x', { body: 'kept' });
    expect(api.last()).toMatchObject({ method: 'POST', url: '/landed' });
    expect(api.last().body.toString()).toBe('kept');
  });

  it.each(['/gzip-bomb', '/huge'])('that are too large are refused while they come: %s', async (path) => {
    await expect(call(await at(path), 'x')).rejects.toMatchObject({
      code: 'UPSTREAM_BAD_ANSWER',
      message: expect.stringContaining('16 MiB'),
    });
  });

  it('that break off, and silence, are errors; and the server goes on', async () => {
    await expect(call(await at('/cut'), 'x')).rejects.toMatchObject({ code: 'INTERRUPTED' });
    const silent = await at('/silent');
    await expect(call(silent, 'x', {}, 200)).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT' });
    const { answer, cancel } = silent.call('tools/call', { name: 'x' }, { timeoutMs: 10_000 });
    expect(silent.inflight).toBe(1);
    cancel('enough');
    await expect(answer).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(silent.inflight).toBe(0);
  });

  it('are not waited for when the server is closed', async () => {
    const silent = await at('/silent');
    const { answer } = silent.call('tools/call', { name: 'x' }, { timeoutMs: 10_000 });
    const ended = expect(answer).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await silent.close();
    await silent.close();
    await ended;
  });

  it('of an API that is not there say so, and the server stays open', async () => {
    const upstream = await open(
      { '/x': { get: { operationId: 'x' } } },
      { settings: { baseUrl: 'http://127.0.0.1:1' } },
    );
    await expect(call(upstream, 'x')).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' });
  });
});

describe('addresses', () => {
  const paths = { '/x': { get: { operationId: 'x' } } };

  it.each([
    'http://169.254.169.254/latest',
    'http://metadata.google.internal/',
    'http://[fd00:ec2::254]/',
    'http://2852039166/',
  ])('of clouds are refused: %s', async (url) => {
    await expect(open(paths, { rest: { servers: [{ url }] } })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });

  it('outside of the allowed ones are refused at connect, too', async () => {
    const upstream = await open(paths, {
      settings: { baseUrl: api.url.replace('127.0.0.1', 'localhost') },
      egress: 'public-only',
    });
    await expect(call(upstream, 'x')).rejects.toMatchObject({
      code: 'UPSTREAM_UNAVAILABLE',
      message: expect.stringContaining('not allowed'),
    });
  });

  it("are made of variables, and of the document's own address where they are relative", async () => {
    const servers = [
      { url: '{where}/{version}/', variables: { where: { default: api.url }, version: { default: 'v9' } } },
    ];
    await call(await open(paths, { rest: { servers } }), 'x');
    expect(api.last().url).toBe('/v9/x');
    await call(
      await open(paths, {
        rest: { servers: [{ url: '../api' }] },
        settings: { documentUrl: `${api.url}/docs/v2/openapi.json` },
      }),
      'x',
    );
    expect(api.last().url).toBe('/docs/api/x');
  });

  it('of single operations count on the same origin only', async () => {
    const upstream = await open({
      '/x': { get: { operationId: 'x', servers: [{ url: '/other' }] } },
      '/y': { get: { operationId: 'y', servers: [{ url: 'https://elsewhere.example' }] } },
    });
    const { tools, faults } = await listAll(upstream);
    expect(tools.map(({ name }) => name)).toEqual(['x']);
    expect(faults).toMatchObject([{ name: 'y', reason: expect.stringContaining('https://elsewhere.example') }]);
    await call(upstream, 'x');
    expect(api.last().url).toBe('/other/x');
  });
});
