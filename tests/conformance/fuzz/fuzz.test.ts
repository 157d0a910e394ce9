// A hundred thousand spoiled requests against one worker. Whatever comes: no 5xx, no stack trace, the next good request
// works, and nothing is kept: no session beyond those that were opened, no socket, no memory beyond a bound.
// The seed is printed; MCPHUB_TEST_FUZZ_SEED runs it again.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type Dispatcher, Pool } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../../../scripts/prepare.mjs';
import { initialize, rpc } from '../../support/gateway';
import { type Hub, startHub } from '../../support/hub';
import { modernPost } from '../../support/modern';
import { until } from '../../support/until';
import { createRandom, type FuzzRequest, mutateBytes, type Random, spoil, toWire } from './mutate';

const seed = Number(process.env.MCPHUB_TEST_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
const framedCount = 97_000;
const rawCount = 3_000;
const connections = 64;
/** Of the worker's resident memory, after a warm-up with a tenth of all requests; garbage that was not collected yet counts too. */
const growthMaxMiB = 128;
const streamReadMs = 20;

let hub: Hub;
let pool: Pool;
let session: string;

beforeAll(async () => {
  const args = [join(root, 'tests/support/servers/stdio.mjs'), 'good'];
  hub = await startHub({ config: { mcpServers: { one: { command: process.execPath, args } } } });
  await until(goodCallWorks, 30_000, () => `the server never answered:\n${hub.logs()}`);
  const response = await post(initialize());
  session = response.headers.get('mcp-session-id') ?? '';
  process.stdout.write(`fuzz seed ${seed}\n`);
});

afterAll(async () => {
  await pool?.destroy();
  await hub?.stop();
});

function post(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${hub.mcpUrl}/one`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${hub.apiKey}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify(body),
  });
}

async function goodCallWorks(): Promise<boolean> {
  const call = { name: 'echo', arguments: { text: 'still there' } };
  const modern = await modernPost(hub, 'tools/call', call, { path: '/api/mcp/one', key: hub.apiKey });
  if (!(await modern.text()).includes('still there')) return false;
  const id = (await post(initialize())).headers.get('mcp-session-id') ?? '';
  const legacy = await post(rpc('tools/call', call), { 'mcp-session-id': id });
  return (await legacy.text()).includes('still there');
}

function worker() {
  const pid = hub.pid('worker');
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return ''; // closed meanwhile
    }
  });
  const rss = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { pid, sockets: links.filter((link) => link.startsWith('socket:')).length, rssMiB: Number(rss) / 1024 };
}

interface Fault {
  what: string;
  request: string;
}

const faults: Fault[] = [];
const statuses = new Map<number, number>();
const stack = /\n\s+at .*:\d+:\d+/;

function judge(status: number, text: string, describeRequest: () => string): void {
  statuses.set(status, (statuses.get(status) ?? 0) + 1);
  const isFault = status >= 500 || status === 0 || stack.test(text);
  if (isFault && faults.length < 10)
    faults.push({ what: `${status} ${text.slice(0, 300)}`, request: describeRequest() });
}

const shown = ({ method, path, headers, body }: FuzzRequest) =>
  JSON.stringify({ method, path, headers: { ...headers, authorization: '' }, body: body.toString('latin1') }).slice(
    0,
    2000,
  );

async function sendFramed(request: FuzzRequest): Promise<void> {
  let answer: Dispatcher.ResponseData;
  try {
    const { method, path, headers, body } = request;
    answer = await pool.request({
      method: method as Dispatcher.HttpMethod,
      path,
      headers,
      body: method === 'POST' || method === 'PUT' ? body : null,
    });
  } catch (error) {
    const { code } = error as { code?: string };
    // A header that no client can send; or the hub closed the connection, as it says in the answer to a body too large.
    if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_SOCKET') return;
    judge(0, String(error), () => shown(request));
    return;
  }
  const isStream = String(answer.headers['content-type']).startsWith('text/event-stream');
  // A stream of a GET or of a listen never ends by itself.
  const timer = isStream ? setTimeout(() => answer.body.destroy(), streamReadMs) : undefined;
  const text = await answer.body.text().catch(() => '');
  clearTimeout(timer);
  judge(answer.statusCode, text, () => shown(request));
}

function sendRaw(bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(hub.port, '127.0.0.1', () => socket.end(bytes));
    const timer = setTimeout(() => socket.destroy(), 5_000);
    socket.setEncoding('latin1').on('data', (chunk) => {
      text += chunk;
      if (text.includes('text/event-stream')) socket.destroy();
    });
    socket.on('error', () => {}); // it was closed on us, which is an answer too
    socket.on('close', () => {
      clearTimeout(timer);
      const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1];
      if (status) judge(Number(status), text, () => bytes.toString('latin1').replace(hub.apiKey, '').slice(0, 2000));
      resolve();
    });
  });
}

/** Spoils the bytes of head and body, but for the path: what is not MCP goes to the dashboard, which does not run here. */
function spoiledWire(request: FuzzRequest, random: Random): Buffer {
  const wire = toWire({ ...request, method: 'POST', path: '/api/mcp/one' }, `127.0.0.1:${hub.port}`);
  const kept = 'POST /api/mcp/one'.length;
  return Buffer.concat([wire.subarray(0, kept), mutateBytes(random, wire.subarray(kept))]);
}

/** Runs `count` jobs, so many at once. */
async function inParallel(count: number, width: number, job: () => Promise<void>): Promise<void> {
  let left = count;
  const lane = async () => {
    while (left > 0 && faults.length < 10) {
      left -= 1;
      await job();
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
}

describe('a worker under a hundred thousand spoiled requests', () => {
  it('answers none with 5xx, goes on working, and keeps nothing', async () => {
    const random: Random = createRandom(seed);
    const authorization = `Bearer ${hub.apiKey}`;
    const before = worker();
    pool = new Pool(hub.url, { connections, pipelining: 1, headersTimeout: 30_000, bodyTimeout: 30_000 });
    const framed = () => sendFramed(spoil(random, authorization, session));

    await inParallel(framedCount / 10, connections, framed);
    const warm = worker();
    await inParallel((framedCount * 9) / 10, connections, framed);
    await inParallel(rawCount, 32, () => sendRaw(spoiledWire(spoil(random, authorization, session), random)));

    const counts = JSON.stringify(Object.fromEntries([...statuses].sort(([one], [two]) => one - two)));
    process.stdout.write(`fuzz answers ${counts}\n`);
    expect({ seed, faults }).toEqual({ seed, faults: [] });
    // The mutations must reach all depths: some requests still work, many do not.
    for (const status of [200, 202, 400, 404])
      expect([status, (statuses.get(status) ?? 0) > 100]).toEqual([status, true]);

    await pool.destroy();
    expect(await goodCallWorks()).toBe(true);
    expect(worker().pid).toBe(before.pid);
    await until(
      () => worker().sockets <= before.sockets + 5,
      15_000,
      () => `sockets: ${before.sockets} before, ${worker().sockets} after`,
    );
    const after = worker();
    process.stdout.write(
      `fuzz memory ${before.rssMiB.toFixed(0)} → ${warm.rssMiB.toFixed(0)} → ${after.rssMiB.toFixed(0)} MiB\n`,
    );
    expect(after.rssMiB - warm.rssMiB).toBeLessThan(growthMaxMiB);
  });
});
