// The official suite's scenarios for clients: to a server the hub is one. For each scenario a gateway and a supervisor
// connect to the scenario's server, and a client of either era uses what it offers through them.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { headersOfArguments, readHeaderParams } from '../../worker/upstream/header-params';
import { serverRow, startGateway, type TestGateway } from '../support/gateway';
import { modernResult } from '../support/modern';
import { connectPeer, type Peer } from '../support/peers';
import type { ReferenceEra } from '../support/reference';
import { desired, remote, supervise, until } from '../support/upstreams';
import { deviations, faultsOf } from './deviations';
import { openSigningHub, type SigningHub } from './sign-in';
import { runClientSuite } from './suite';

type Json = Record<string, unknown>;

interface Scenario {
  scenario: string;
  url: string;
  context: { toolCalls?: { name: string; arguments: Json }[]; client_id?: string; client_secret?: string };
}

const command = `${process.execPath} ${import.meta.dirname}/announce.mjs`;
let driver: Server;
let signing: SigningHub;
let clientEra: ReferenceEra = 'legacy';

beforeAll(async () => {
  signing = await openSigningHub();
  driver = createServer(async (request, response) => {
    try {
      await play(JSON.parse(await text(request)) as Scenario);
      response.end('done');
    } catch (error) {
      response.writeHead(500).end(String((error as Error).stack));
    }
  });
  await new Promise<void>((resolve) => driver.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  driver.close();
  await signing.close();
});

async function play({ scenario, url, context }: Scenario): Promise<void> {
  if (scenario.startsWith('auth/')) {
    const { client_id: clientId, client_secret: clientSecret } = context;
    const known = { ...(clientId && { clientId }), ...(clientSecret && { clientSecret }) };
    return signing.play(url, { kind: 'oauth', per: 'hub', ...known }, async (hub) => {
      const peer = await connectPeer(clientEra, `${hub.url}/api/mcp/scenario`, { key: 'key-a', answer });
      try {
        await use(peer, hub, scenario, context);
      } finally {
        await peer.close();
      }
    });
  }
  const row = serverRow('scenario');
  const { supervisor } = supervise([desired(remote(url), { id: row.id, name: row.name })]);
  const hub = await startGateway({ servers: [row], supervisor });
  try {
    await supervisor.start();
    await until(`${scenario} listed`, () => hub.stored.has(row.id), 15_000);
    const path = `${hub.url}/api/mcp/scenario`;
    const peer = await connectPeer(clientEra, path, { key: 'key-a', answer });
    try {
      await use(peer, hub, scenario, context);
    } finally {
      await peer.close();
    }
  } finally {
    await supervisor.stop();
    await hub.close();
  }
}

/** Accepts all, with the defaults that the form names. */
function answer(_method: string, params: Json): Json {
  const { properties = {} } = (params.requestedSchema ?? {}) as { properties?: Record<string, { default?: unknown }> };
  const content = Object.entries(properties).map(([name, field]) => [name, field.default ?? true]);
  return { action: 'accept', content: Object.fromEntries(content) };
}

/** What a thorough client does with whatever it finds. */
async function use(peer: Peer, hub: TestGateway, scenario: string, { toolCalls }: Scenario['context']): Promise<void> {
  const list = async (method: string, key: string) =>
    ((await peer.ask(method).catch(() => ({}) as Json))[key] ?? []) as Json[];
  const tools = await list('tools/list', 'tools');
  // The server of this one answers no calls.
  if (scenario === 'json-schema-ref-no-deref') return;
  const focal = tools.find(({ name }) => name === 'json_schema_2020_12_tool');
  for (const { name, inputSchema } of tools) {
    const read = readHeaderParams(inputSchema);
    const headerParams = 'params' in read ? read.params : [];
    const given = toolCalls?.filter((call) => call.name === name) ?? [{ name, arguments: { a: 2, b: 3 } }];
    for (const call of given) {
      const args = name === 'json_schema_echo' ? { schema: focal?.inputSchema } : call.arguments;
      // The official client writes such headers for tools whose results it checks against its own schemas only.
      if (peer.era === 'modern' && headerParams.length > 0) {
        const headers: string[] = [];
        headersOfArguments(headerParams, args, headers);
        const pairs = Array.from({ length: headers.length / 2 }, (_, at) => [headers[2 * at], headers[2 * at + 1]]);
        const options = { path: '/api/mcp/scenario', headers: Object.fromEntries(pairs) };
        await modernResult(hub, 'tools/call', { name, arguments: args }, options);
      } else await peer.ask('tools/call', { name, arguments: args });
    }
  }
  for (const { uri } of await list('resources/list', 'resources')) await peer.ask('resources/read', { uri });
  for (const { name } of await list('prompts/list', 'prompts')) await peer.ask('prompts/get', { name });
}

/** Required scenarios without those of OAuth, and checks that pass at the least. */
const revisions = [
  { revision: '2025-11-25', scenarios: 4, passed: 10 },
  { revision: '2026-07-28', scenarios: 7, passed: 40 },
];

describe.each(revisions)('the scenarios for clients of $revision', ({ revision, scenarios, passed }) => {
  it.each(['legacy', 'modern'] as const)(
    'find the hub in order, used by a %s client',
    async (era) => {
      clientEra = era;
      const { port } = driver.address() as AddressInfo;
      const found = await runClientSuite(command, revision, { MCPHUB_TEST_DRIVER: `http://127.0.0.1:${port}` });
      const listed = deviations.filter((each) => each.revision === revision && each.behind === 'client');
      expect(faultsOf(found.failed, listed, found.messages)).toEqual([]);
      expect(found.scenarios.filter((each) => !each.startsWith('auth/')).length).toBeGreaterThanOrEqual(scenarios);
      expect(found.passed).toBeGreaterThanOrEqual(passed);
    },
    120_000,
  );
});
