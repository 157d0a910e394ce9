// Concurrent clients of both session transports over one real server, which asks each of them back within its calls.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { CreateMessageRequestSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../../../scripts/launcher/port';
import { createEgress, openUpstream, type Upstream } from '../../../worker/upstream';
import { serverRow, startGateway, type TestGateway } from '../../support/gateway';
import { until } from '../../support/until';
import { remote, startProgram } from '../../support/upstreams';

const require = createRequire(import.meta.url);
const clients: Client[] = [];
let hub: TestGateway;
let upstream: Upstream;
let program: Awaited<ReturnType<typeof startProgram>>;

beforeAll(async () => {
  const manifest = require.resolve('@modelcontextprotocol/server-everything/package.json');
  const port = await freePort();
  const args = [join(dirname(manifest), 'dist/index.js'), 'streamableHttp'];
  program = await startProgram(process.execPath, args, { PORT: String(port) }, /listening on port (\d+)/);
  hub = await startGateway({ servers: [serverRow('everything')] });
  upstream = await openUpstream(
    remote(`http://127.0.0.1:${port}/mcp`),
    {
      client: { name: 'mcphub', version: '0' },
      egress: createEgress('private-allowed'),
      signal: new AbortController().signal,
      process: { marker: '', ownEnv: {}, beforeStop: async () => {}, reap: async () => {} },
    },
    {
      notification: (method, params) => hub.supervisor.notify('id-everything', method, params),
      closed: () => undefined,
      spawned: () => undefined,
      stderr: () => undefined,
      doubtful: () => undefined,
    },
  );
  hub.supervisor.open('id-everything', upstream);
  await until(() => hub.stored.size === 1, 20_000);
});

afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await upstream.close();
  await hub.close();
  await program.stop();
});

/** Answers everything with its marker, and keeps what it was asked and told. */
async function connect(marker: string, isOld: boolean) {
  const heard: unknown[] = [];
  const capabilities = { elicitation: {}, sampling: {} };
  const prepare = (client: Client) => {
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      heard.push(params);
      return { action: 'accept', content: { name: marker, check: true } };
    });
    client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => {
      heard.push(params);
      return { role: 'assistant', model: marker, content: { type: 'text', text: `said by ${marker}` } };
    });
  };
  if (!isOld) return { heard, client: (await hub.client('/api/mcp', 'key-a', capabilities, prepare)).client };
  const headers = { authorization: 'Bearer key-a' };
  const transport = new SSEClientTransport(new URL(`${hub.url}/api/mcp/sse`), {
    requestInit: { headers },
    eventSourceInit: { fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, ...headers } }) },
  });
  const client = new Client({ name: 'old', version: '1' }, { capabilities });
  prepare(client);
  await client.connect(transport);
  clients.push(client);
  return { heard, client };
}

it('each client hears the questions and the progress of its own calls, and its own answers come back', async () => {
  const everyone = await Promise.all([false, true, false, true].map((isOld, at) => connect(`marker-${at}`, isOld)));
  await Promise.all(
    everyone.map(async ({ client, heard }, at) => {
      const marker = `marker-${at}`;
      for (let round = 0; round < 3; round++) {
        const prompt = `${marker}-${round}`;
        const progress: number[] = [];
        const [asked, sampled] = await Promise.all([
          client.callTool({ name: 'everything__trigger-elicitation-request', arguments: {} }),
          client.callTool({ name: 'everything__trigger-sampling-request', arguments: { prompt, maxTokens: 5 } }),
          client.callTool(
            { name: 'everything__trigger-long-running-operation', arguments: { duration: 0.6, steps: 3 } },
            undefined,
            { onprogress: (step) => progress.push(step.progress) },
          ),
        ]);
        expect(JSON.stringify(asked)).toContain(marker);
        expect(JSON.stringify(sampled)).toContain(`said by ${marker}`);
        for (const other of [0, 1, 2, 3].filter((each) => each !== at)) {
          expect(JSON.stringify([asked, sampled, heard])).not.toContain(`marker-${other}`);
        }
        // The client forgets a call's progress handler with its answer, which may come in one piece with the last steps.
        expect([1, 2, 3].slice(0, Math.max(progress.length, 1))).toEqual(progress);
      }
      expect(heard).toHaveLength(6);
    }),
  );
  expect(hub.gateway.stats()).toMatchObject({ inflight: 0, questions: 0, droppedAnswers: 0 });
});
