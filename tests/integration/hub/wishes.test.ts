// What a session asked for that goes on, its log level and its subscriptions, outlives the program that took it: a
// restart of the hub, and the end of one of its workers.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sessionWishes } from '../../../drizzle/schema';
import { openDatabase } from '../../../lib/db';
import { socketPaths } from '../../../lib/env';
import { root } from '../../../scripts/prepare.mjs';
import { silentLog } from '../../support/database';
import { type Hub, startHub } from '../../support/hub';
import { type McpSession, mcpHeaders, openSession, resumeSession, statuses } from '../../support/hub-client';
import { until } from '../../support/until';
import { linesTo, speak, workersOf } from '../../support/workers';

const program = join(root, 'tests/support/servers/remembering.mjs');
const config = { mcpServers: { notes: { command: process.execPath, args: [program] } } };
const exposed = 'memo://one';

async function ready(hub: Hub): Promise<void> {
  await until(async () => (await statuses(hub).catch(() => null))?.notes?.state === 'ready', 30_000, hub.logs);
}

/** What is said on the session's stream from now on. */
async function listening(hub: Hub, id: string) {
  const ending = new AbortController();
  const headers = { ...mcpHeaders, authorization: `Bearer ${hub.apiKey}`, 'mcp-session-id': id };
  const response = await fetch(`${hub.mcpUrl}/notes`, { headers, signal: ending.signal });
  expect(response.status).toBe(200);
  const said = { text: '', end: () => ending.abort() };
  void response.body
    ?.pipeThrough(new TextDecoderStream())
    .pipeTo(
      new WritableStream({
        write(text) {
          said.text += text;
        },
      }),
    )
    .catch(() => {});
  return said;
}

/** The log level that the server was set to; its answer may come on a stream, after a message. */
async function levelOf(session: McpSession): Promise<string | undefined> {
  const { text } = await session.call('log', { word: 'x' });
  return /"text":"(\w+)"/.exec(text)?.[1];
}

async function rows(hub: Hub) {
  const database = await openDatabase({ socketDir: socketPaths(hub.dataDir).databaseDir, log: silentLog });
  try {
    return await database.db.select().from(sessionWishes);
  } finally {
    await database.close();
  }
}

describe('a hub that is killed and comes back', () => {
  let hub: Hub;

  beforeAll(async () => {
    hub = await startHub({ config });
    await ready(hub);
  });

  afterAll(() => hub?.stop());

  it('tells a session what it subscribed to before, and sets servers to the log level it asked for', async () => {
    const session = await openSession(hub, { endpoint: '/notes' });
    const left = await openSession(hub, { endpoint: '/notes' });
    const ended = await openSession(hub, { endpoint: '/notes' });
    for (const each of [session, left, ended]) {
      expect((await each.request('resources/subscribe', { uri: exposed })).json.result).toEqual({});
    }
    expect((await session.request('logging/setLevel', { level: 'critical' })).json.result).toEqual({});
    expect((await left.request('resources/unsubscribe', { uri: exposed })).json.result).toEqual({});
    expect((await ended.end()).status).toBe(204);
    await until(async () => (await rows(hub)).length === 1 && (await rows(hub))[0]?.logLevel === 5, 5_000);
    expect(await rows(hub)).toMatchObject([{ logLevel: 5, subscriptions: [exposed] }]);

    const before = hub.pid('worker');
    hub.kill('worker');
    await until(() => hub.pid('worker') !== null && hub.pid('worker') !== before, 10_000, hub.logs);
    await ready(hub);
    const here = await listening(hub, session.id);
    const there = await listening(hub, left.id);
    const other = await openSession(hub, { endpoint: '/notes' });
    let level: unknown;
    await until(
      async () => {
        level = await levelOf(other);
        return level === 'critical';
      },
      10_000,
      () => `${level}`,
    );
    await other.call('touch');
    await until(() => here.text.includes('notifications/resources/updated'), 5_000);
    expect(here.text).toContain(`"uri":"${exposed}"`);
    expect(there.text).not.toContain('resources/updated');
    // It can be taken back in the new life.
    await resumeSession(hub, session.id, { endpoint: '/notes' }).request('resources/unsubscribe', { uri: exposed });
    await until(async () => (await rows(hub))[0]?.subscriptions.length === 0, 5_000);
    expect(await rows(hub)).toMatchObject([{ logLevel: 5, subscriptions: [] }]);
    for (const stream of [here, there]) stream.end();
  });
});

describe('a hub with two workers of which one is killed', () => {
  let hub: Hub;

  beforeAll(async () => {
    hub = await startHub({ config, env: { MCPHUB_WORKERS: '2' } });
    await ready(hub);
  });

  afterAll(() => hub?.stop());

  it('goes on telling at the other worker what was subscribed to at the dead one', async () => {
    await until(() => workersOf(hub).length === 2, 10_000, hub.logs);
    const [taker, keeper] = await linesTo(hub, workersOf(hub));
    if (!taker || !keeper) throw new Error('no lines');
    const session = await speak(taker).open();
    const answer = await speak(taker, session).request('resources/subscribe', { uri: exposed });
    expect(answer.json.result).toEqual({});
    let heard = '';
    const stream = keeper.listen({ 'mcp-session-id': session }, (text) => {
      heard += text;
    });
    await stream.opened;
    await until(async () => (await rows(hub)).length === 1, 5_000);
    process.kill(taker.pid, 'SIGKILL');
    await until(() => workersOf(hub).length === 2 && !workersOf(hub).includes(taker.pid), 20_000, hub.logs);
    await ready(hub);
    const again = (await linesTo(hub, [keeper.pid]))[0];
    if (!again) throw new Error('no line');
    const other = await speak(again).open();
    await until(async () => {
      await speak(again, other).call('notes__touch');
      return heard.includes('notifications/resources/updated');
    }, 20_000);
    expect(heard).toContain(`"uri":"${exposed}"`);
    stream.end();
    for (const line of [taker, keeper, again]) line.close();
  });
});
