// A document becomes a server of a real hub, and an official client calls its operations through it.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiServer, startApi } from '../../support/api-server';
import { type Hub, startHub } from '../../support/hub';
import { statuses } from '../../support/hub-client';
import { until } from '../../support/until';

let api: ApiServer;
let hub: Hub;
let client: Client;

const answer = { type: 'object', properties: { ok: { type: 'boolean' }, url: { type: 'string' } }, required: ['ok'] };
const document = () => `openapi: 3.1.0
info: { title: Pet shop, version: 1.2.0, description: All about pets. }
servers: [{ url: /v1 }]
security: [{ key: [] }]
paths:
  /pets/{petId}:
    get:
      operationId: showPet
      summary: One pet
      parameters:
        - { name: petId, in: path, required: true, schema: { type: integer } }
      responses:
        "200": { description: ok, content: { application/json: { schema: ${JSON.stringify(answer)} } } }
    delete:
      operationId: removePet
      parameters:
        - { name: petId, in: path, required: true, schema: { type: integer } }
  /silent:
    get: { operationId: wait }
components:
  securitySchemes:
    key: { type: apiKey, in: header, name: X-Key }
`;

beforeAll(async () => {
  api = await startApi();
  api.on('/openapi.yaml', (_request, response) => void response.writeHead(200).end(document()));
  api.on('/v1/silent', () => {});
  const entry = {
    type: 'openapi',
    url: `${api.url}/openapi.yaml`,
    openapi: { auth: { key: { value: '${PET_KEY}' } } },
    limits: { concurrentCalls: 2, queuedCalls: 0 },
  };
  hub = await startHub({ config: { mcpServers: { pets: entry } }, env: { PET_KEY: 'the key of pets' } });
  await until(async () => (await statuses(hub)).pets?.tools === 3, 20_000, hub.logs);
  client = new Client({ name: 'test', version: '1' });
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${hub.mcpUrl}/pets`), {
      requestInit: { headers: { authorization: `Bearer ${hub.apiKey}` } },
    }),
  );
});

afterAll(async () => {
  await client?.close();
  await hub?.stop();
  await api?.close();
});

it('its operations are tools with annotations and schemas', async () => {
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toEqual(['showPet', 'removePet', 'wait']);
  expect(tools[0]).toMatchObject({
    title: 'One pet',
    inputSchema: { type: 'object', required: ['petId'] },
    outputSchema: { type: 'object' },
    annotations: { readOnlyHint: true, idempotentHint: true, destructiveHint: false, openWorldHint: true },
  });
  expect(tools[1]?.annotations).toMatchObject({ readOnlyHint: false, destructiveHint: true, idempotentHint: true });
});

it('a call is one request, with the key of the configuration, and its answer is structured', async () => {
  const result = await client.callTool({ name: 'showPet', arguments: { petId: 7 } });
  expect(result).toMatchObject({ structuredContent: { ok: true, url: '/v1/pets/7' } });
  expect(api.last().headers['x-key']).toBe('the key of pets');
});

it('wrong arguments are told to the model, and nothing is sent', async () => {
  const before = api.seen.length;
  const result = await client.callTool({ name: 'showPet', arguments: { petId: 'x' } });
  expect(result.isError).toBe(true);
  expect(JSON.stringify(result.content)).toContain('/petId');
  expect(api.seen.length).toBe(before);
});

it('the limits of the server hold, and a cancelled call ends its request', async () => {
  const abort = new AbortController();
  const calls = [1, 2].map(() => client.callTool({ name: 'wait' }, undefined, { signal: abort.signal }));
  for (const call of calls) call.catch(() => {});
  await until(() => api.seen.filter(({ url }) => url === '/v1/silent').length === 2, 5_000);
  await expect(client.callTool({ name: 'showPet', arguments: { petId: 1 } })).rejects.toThrow(/busy|429/i);
  abort.abort();
  await until(
    async () =>
      !(await client.callTool({ name: 'showPet', arguments: { petId: 1 } }).catch(() => ({ isError: true }))).isError,
    5_000,
  );
});
