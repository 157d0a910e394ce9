// Searches for tools at a smart endpoint of a hub that serves calls meanwhile: how long a search takes, and what the calls
// feel of it.
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Hub } from '../../tests/support/hub';
import { here, load, median, ofHub, type Stage, say, table } from './support';

const rounds = 7;
const seconds = 5;
const warmup = 1;
const callsPerSecond = 100;
const searchesPerSecond = 10;
/** As many as the hub takes of one server. */
const toolsOfServer = 1_000;

export async function benchSearch(stage: Stage): Promise<void> {
  const queries = readFileSync(here('routing/data/rapidapi.queries.jsonl'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { query: string }).query);
  const rows: (string | number)[][] = [];
  for (const count of [500, 7_000]) {
    const upstream = await stage.program('upstream.mjs');
    const mcpServers: Record<string, object> = { http: { type: 'http', url: upstream.url } };
    for (let from = 0; from < count; from += toolsOfServer) {
      const tools = String(Math.min(toolsOfServer, count - from));
      const { url } = await stage.program('upstream-catalog.mjs', '--tools', tools, '--from', String(from));
      mcpServers[`catalog-${from}`] = { type: 'http', url };
    }
    const hub = await stage.hub({ config: { mcpServers } });
    rows.push([String(count), ...(await measure(hub, queries, count))]);
    await hub.stop();
  }
  table(
    `searches, ${searchesPerSecond} a second, beside ${callsPerSecond} calls a second, ${rounds} runs of ${seconds} s`,
    ['tools', 'first search ms', 'search p50 ms', 'p95 ms', 'call p99 without', 'with', 'ratio'],
    rows,
    [0, 0, 1, 1, 2, 2, 2],
  );
  say('  target: search p95 at most 15 ms with 500 tools and 50 ms with 7,000; p99 of calls at most 1.10 ×');
}

async function measure(hub: Hub, queries: readonly string[], count: number): Promise<number[]> {
  const client = new Client({ name: 'bench', version: '1' });
  const headers = { authorization: `Bearer ${hub.apiKey}` };
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${hub.mcpUrl}/$smart`), { requestInit: { headers } }),
  );
  const behind = async () =>
    Number(/among (\d+) tools/.exec((await client.listTools()).tools[0]?.description ?? '')?.[1]);
  while (!((await behind()) >= count)) await delay(100);
  const search = async (query: string) => {
    const startedMs = performance.now();
    const { isError } = await client.callTool({ name: 'search_tools', arguments: { query: query.slice(0, 2_000) } });
    if (isError) throw new Error('a search was refused');
    return performance.now() - startedMs;
  };
  const firstMs = await search(queries[0] ?? '');
  for (const query of queries.slice(0, 50)) await search(query);
  const target = ofHub('hub', hub, 'http');
  const args = ['--concurrency', '16', '--rate', String(callsPerSecond)];
  const [without, beside]: [number[], number[]] = [[], []];
  const searches: number[] = [];
  for (let round = 0; round < rounds; round++) {
    without.push((await load(target, seconds, warmup, ...args)).p99);
    let isOver = false;
    const running = load(target, seconds, warmup, ...args).finally(() => {
      isOver = true;
    });
    for (let at = 0; !isOver; at++) {
      const took = await search(queries[(round * 100 + at) % queries.length] ?? '');
      searches.push(took);
      await delay(Math.max(0, 1000 / searchesPerSecond - took));
    }
    beside.push((await running).p99);
  }
  await client.close();
  const sorted = searches.toSorted((a, b) => a - b);
  const p95 = sorted[Math.floor(sorted.length * 0.95)] ?? Number.NaN;
  const ratios = beside.map((p99, round) => p99 / (without[round] ?? Number.NaN));
  return [firstMs, median(sorted), p95, median(without), median(beside), median(ratios)];
}
