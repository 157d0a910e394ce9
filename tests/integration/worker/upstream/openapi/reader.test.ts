// Documents are read beside the thread that serves calls, within bounds, and fetched with the guards of all connections.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEgress, readDocument } from '../../../../../worker/upstream';
import { readPlan } from '../../../../../worker/upstream/openapi/reader';
import { type ApiServer, startApi } from '../../../../support/api-server';

let api: ApiServer;
const guards = { egress: createEgress('private-allowed'), userAgent: 'mcphub/test' };

beforeAll(async () => {
  api = await startApi();
});

afterAll(() => api.close());

function bigDocument(operations: number): string {
  const schema = {
    type: 'object',
    properties: Object.fromEntries(
      Array.from({ length: 30 }, (_, at) => [`property${at}`, { type: 'string', description: 'words '.repeat(12) }]),
    ),
  };
  const paths = Object.fromEntries(
    Array.from({ length: operations }, (_, at) => [
      `/things${at}`,
      {
        post: {
          operationId: `make${at}`,
          tags: [`t${at % 10}`],
          requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } } },
          responses: {
            200: {
              description: 'ok',
              content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } },
            },
          },
        },
      },
    ]),
  );
  return JSON.stringify({
    openapi: '3.0.3',
    info: { title: 'Big', version: '1' },
    servers: [{ url: 'https://api.example' }],
    paths,
    components: { schemas: { Thing: schema } },
  });
}

describe('reading', () => {
  it('2,000 operations holds up no call', async () => {
    const text = bigDocument(2_000);
    let longestMs = 0;
    let beforeMs = performance.now();
    const timer = setInterval(() => {
      const nowMs = performance.now();
      longestMs = Math.max(longestMs, nowMs - beforeMs);
      beforeMs = nowMs;
    }, 5);
    const plan = await readPlan(text);
    clearInterval(timer);
    expect(plan.operations.length).toBe(2_000);
    // Taking the plan over is the only work in this thread; in the same thread the whole would be seconds.
    expect(longestMs).toBeLessThan(1_500);
    expect(await readPlan(text)).toBe(plan);
  });

  it('3 MB of nonsense, and more than 8 MiB, ends with a sentence', async () => {
    await expect(readPlan(randomBytes(2_250_000).toString('base64'))).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await expect(readPlan(`{"a":"${'b: [{'.repeat(600_000)}"}`)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await expect(readPlan('x'.repeat(9 * 1024 * 1024))).rejects.toThrow('larger than 8 MiB');
  });

  it('tells what is wrong by the schema of OpenAPI, and offers the operations all the same', async () => {
    const document = JSON.stringify({ openapi: '3.0.3', info: {}, paths: { '/x': { get: { responses: {} } } } });
    const reading = await readDocument({ document }, {}, guards);
    expect(reading.operations.map(({ key }) => key)).toEqual(['GET /x']);
    expect(reading.warnings.join()).toContain('By the OpenAPI schema');
  });
});

describe('fetching', () => {
  const document = JSON.stringify({
    openapi: '3.1.0',
    info: { title: 'Fetched', version: '2' },
    servers: [{ url: '/api' }],
    paths: { '/x': { get: {} } },
  });

  it('gives the text, and the address of the API against its own', async () => {
    api.on('/docs/openapi.json', (_request, response) => void response.writeHead(200).end(document));
    const reading = await readDocument({ documentUrl: `${api.url}/docs/openapi.json` }, {}, guards);
    expect(reading).toMatchObject({ document, title: 'Fetched', version: '2', baseUrl: `${api.url}/api` });
    expect(api.last().headers['user-agent']).toBe('mcphub/test');
  });

  it.each([
    ['http://169.254.169.254/openapi.json', 'not allowed'],
    ['/missing', 'HTTP 404'],
    ['/redirect-away', 'leads to http://169.254.169.254'],
    ['/gzip-bomb', '8 MiB'],
    ['/huge', '8 MiB'],
    ['http://127.0.0.1:1/x', 'Nothing listens'],
    ['/list', 'not an OpenAPI document'],
  ])('%s is refused with a sentence', async (path, part) => {
    api.on('/missing', (_request, response) => void response.writeHead(404).end());
    const documentUrl = path.startsWith('/') ? api.url + path : path;
    await expect(readDocument({ documentUrl }, {}, guards)).rejects.toThrow(part);
  });
});
