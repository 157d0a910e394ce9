// Idle sessions with open GET streams in one worker, as many as the default limits allow: what they cost, and whether
// calls beside them stay quick. Takes about a minute.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import pino from 'pino';
import { apiKeys, users } from '../../drizzle/schema';
import { hashSecret, newKeySecret, shownPrefix } from '../../lib/access/secrets';
import { openDatabase } from '../../lib/db';
import { runtimeDir } from '../../lib/env';
import type { Hub } from '../../tests/support/hub';
import { usage } from './lib/proc.mjs';
import { here, type Stage, say, stdioServer, table } from './support';

const streams = 10_000;
/** The limit of one user, see worker/gateway/index.ts. */
const streamsPerUser = 100;
const calls = 1000;
const settleMs = 3000;

interface Held {
  held: number;
  seconds: number;
  errors: Record<string, number>;
}

/** @throws Error when streams were refused or lost, or a call went wrong */
export async function benchStreams(stage: Stage): Promise<void> {
  const hub = await stage.hub({ config: { mcpServers: { stdio: stdioServer() } } });
  let holder: ChildProcess | undefined;
  try {
    const tokens = await addUsers(hub, streams / streamsPerUser);
    const residentMib = () => usage([hub.pid('worker') ?? 0], { self: true }).rss_mib;
    const session = await openSession(hub);
    await timeCalls(hub, session, calls);
    const before = residentMib();

    const args = [here('hold-streams.mjs'), '--url', hub.mcpUrl, '--streams', String(streams)];
    holder = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: holder.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
    holder.stdin?.write(`${JSON.stringify(tokens)}\n`);
    const { held, seconds, errors }: Held = JSON.parse((await lines.next()).value);
    await delay(settleMs);
    const during = residentMib();
    const times = await timeCalls(hub, session, calls);
    holder.stdin?.end();
    const { alive } = JSON.parse((await lines.next()).value) as { alive: number };
    await once(holder, 'exit');
    await delay(settleMs);
    const at = (share: number) => times[Math.floor(times.length * share)] ?? Number.NaN;
    table(
      `${streams} sessions with open streams in one worker, ${calls} calls beside them`,
      ['', 'held', 'alive', 'opened in s', 'p50 ms', 'p99 ms', 'RSS MiB before', 'growth', 'left after them'],
      [['hub', held, alive, seconds, at(0.5), at(0.99), before, during - before, residentMib() - before]],
      [0, 0, 0, 1, 1, 1, 0, 0, 0],
    );
    say('  target: p99 at most 100 ms, growth at most 300 MiB');
    if (held !== streams || alive !== streams) throw new Error(`refused or lost: ${JSON.stringify(errors)}`);
  } finally {
    holder?.kill('SIGKILL');
  }
}

/** Users that can do nothing but connect. @returns a key of each */
async function addUsers(hub: Hub, count: number): Promise<string[]> {
  const database = await openDatabase({ socketDir: runtimeDir(hub.dataDir), log: pino({ level: 'silent' }) });
  try {
    const names = Array.from({ length: count }, (_, at) => ({ username: `stream-user-${at}` }));
    const rows = await database.db.insert(users).values(names).returning({ id: users.id });
    const secrets = rows.map(() => newKeySecret());
    await database.db.insert(apiKeys).values(
      rows.map(({ id }, at) => {
        const secret = secrets[at] as string;
        return { userId: id, name: 'bench', prefix: shownPrefix(secret), secretHash: hashSecret(secret) };
      }),
    );
    return secrets;
  } finally {
    await database.close();
  }
}

function post({ mcpUrl, apiKey }: Hub, body: object, session?: string): Promise<Response> {
  return fetch(mcpUrl, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${apiKey}`,
      ...(session && { 'mcp-session-id': session }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...body }),
  });
}

async function openSession(hub: Hub): Promise<string> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1' } };
  const response = await post(hub, { method: 'initialize', params });
  await response.text();
  return response.headers.get('mcp-session-id') as string;
}

/** One after the other. @returns their times in ms, shortest first */
async function timeCalls(hub: Hub, session: string, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let call = 0; call < count; call++) {
    const startedAt = performance.now();
    const params = { name: 'stdio__echo', arguments: { message: `call ${call}` } };
    const answer = await (await post(hub, { method: 'tools/call', params }, session)).text();
    times.push(performance.now() - startedAt);
    if (!answer.includes(`call ${call}`)) throw new Error(`a call went wrong: ${answer.slice(0, 200)}`);
  }
  return times.sort((one, other) => one - other);
}
