// Instances of single callers: nobody ever reaches somebody else's, whatever happens to them.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DesiredServer } from '../../../../worker/supervisor';
import type { Caller, ClientAnswer, ClientSide, Upstream } from '../../../../worker/upstream';
import { desired, processesWith, program, repository, supervise, until } from '../../../support/upstreams';

const fixture = join(repository, 'tests/support/servers/remembering.mjs');
const running: ReturnType<typeof supervise>[] = [];
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcphub-isolation-'));
});

afterEach(async () => {
  for (const { supervisor, installationId } of running.splice(0)) {
    await supervisor.stop();
    expect(processesWith(installationId)).toEqual([]);
  }
  rmSync(folder, { recursive: true });
}, 30_000);

function rowOf(change: Partial<DesiredServer>): DesiredServer {
  return desired(program(process.execPath, [fixture, join(folder, 'starts')]), change);
}

async function begin(row: DesiredServer) {
  const rows = [row];
  const made = supervise(rows);
  running.push(made);
  await made.supervisor.start();
  await made.reach(row, 'ready');
  const upstream = () => made.supervisor.upstreamOf(row.id);
  const status = () => made.supervisor.status(row.id);
  const change = async (to: Partial<DesiredServer>) => {
    rows[0] = { ...(rows[0] as DesiredServer), ...to };
    await made.supervisor.reconcile();
  };
  const owned = () => status()?.instances.filter(({ whose, draining }) => whose && !draining) ?? [];
  return { ...made, upstream, status, change, owned };
}

interface Asked {
  method: string;
  params: Record<string, unknown> | undefined;
}

function clientOf(
  user: string,
  conversation = user,
  more: Partial<ClientSide> & { isPassing?: boolean } = {},
): ClientSide & { asked: Asked[]; told: unknown[] } {
  const asked: Asked[] = [];
  const told: unknown[] = [];
  return {
    user,
    conversation,
    isPassing: false,
    owner: conversation,
    capabilities: {},
    asked,
    told,
    ask: async (method, params): Promise<ClientAnswer> => {
      asked.push({ method, params });
      return { kind: 'result', value: { action: 'accept', content: { name: conversation } } };
    },
    notify: (_method, params) => told.push(params?.data ?? params),
    ...more,
  };
}

async function say(upstream: Upstream, client: ClientSide, name: string, args: object = {}): Promise<string> {
  const call = upstream.call('tools/call', { name, arguments: args }, { timeoutMs: 20_000, client });
  const { value } = await call.answer;
  return (value as { content: { text: string }[] }).content[0]?.text ?? JSON.stringify(value);
}

describe('a server with an instance for each session', () => {
  it('never lets one of many concurrent callers reach the instance of another', async () => {
    const { upstream, owned } = await begin(rowOf({ isolation: 'session' }));
    const clients = Array.from({ length: 12 }, (_, at) => clientOf(`user-${at % 3}`, `session-${at}`));
    const words = new Map(clients.map((client) => [client, [] as string[]]));
    for (let round = 0; round < 4; round++) {
      await Promise.all(
        clients.map(async (client) => {
          const word = `${client.conversation}/${round}`;
          const told = words.get(client) ?? [];
          told.push(word);
          expect(await say(upstream(), client, 'remember', { text: word, ms: 5 })).toBe(told.join(','));
        }),
      );
    }
    const pids = await Promise.all(clients.map((client) => say(upstream(), client, 'pid')));
    expect(new Set(pids).size).toBe(clients.length);
    expect(new Set(owned().map(({ whose }) => whose))).toEqual(new Set(clients.map((each) => each.conversation)));
  });

  it('keeps callers apart over a crash, a restart, a change of the row and the end of a session', async () => {
    const { upstream, supervisor, state, change, owned, status } = await begin(rowOf({ isolation: 'session' }));
    const [one, other] = [clientOf('u', 'one'), clientOf('u', 'other')];
    await say(upstream(), one, 'remember', { text: 'a' });
    await say(upstream(), other, 'remember', { text: 'b' });
    const otherPid = await say(upstream(), other, 'pid');
    await expect(say(upstream(), one, 'exit')).rejects.toThrow('exit code 3');
    expect(await say(upstream(), other, 'remember', { text: 'c' })).toBe('b,c');
    expect(await say(upstream(), other, 'pid')).toBe(otherPid);
    const anew = () => say(upstream(), one, 'remember', { text: 'd' }).catch(() => '');
    expect(await until('a new instance', anew)).toBe('d');
    expect(status()?.state).toBe('ready');

    // What is under way when the row changes ends over the old instance, which is shown until then.
    const slow = say(upstream(), other, 'sleep', { ms: 1_000 });
    await until('the call', () => upstream().inflight === 1);
    await change({ hash: 'another' });
    expect(await say(upstream(), other, 'remember', { text: 'e' })).toBe('e');
    expect(status()?.instances.some(({ draining, pid }) => draining && String(pid) === otherPid)).toBe(true);
    expect(await slow).toBe(otherPid);
    await until('the old one ends', () => !status()?.instances.some(({ draining }) => draining));

    await supervisor.restart(status()?.id ?? '');
    await until('ready', () => state({ id: status()?.id } as DesiredServer) === 'ready');
    expect(await say(upstream(), one, 'remember', { text: 'f' })).toBe('f');
    expect(await say(upstream(), other, 'remember', { text: 'g' })).toBe('g');
    supervisor.release('one');
    await until('the end of its instance', () => owned().length === 1);
    expect(await say(upstream(), one, 'remember', { text: 'h' })).toBe('h');
  });

  it('gives a client without sessions a fresh instance for each call, and takes it back', async () => {
    const { upstream, owned } = await begin(rowOf({ isolation: 'session' }));
    const texts = await Promise.all(
      Array.from({ length: 5 }, (_, at) =>
        say(upstream(), clientOf('u', `call-${at}`, { isPassing: true }), 'remember', { text: String(at), ms: 50 }),
      ),
    );
    expect(texts).toEqual(['0', '1', '2', '3', '4']);
    await until('all given back', () => owned().length === 0);
  });

  it('refuses a caller beyond the limit, keeps the others, and has a place again when one leaves', async () => {
    const { upstream, supervisor } = await begin(rowOf({ isolation: 'session', limits: { instances: 2 } }));
    const [a, b, c] = [clientOf('u', 'a'), clientOf('u', 'b'), clientOf('u', 'c')];
    await Promise.all([a, b].map((each) => say(upstream(), each, 'remember', { text: each.conversation })));
    await expect(say(upstream(), c, 'pid')).rejects.toMatchObject({
      code: 'BUSY',
      extras: { reason: 'instances', retryable: true },
      message: expect.stringContaining('All 2 instances'),
    });
    expect(await say(upstream(), a, 'remember', { text: 'again' })).toBe('a,again');
    supervisor.release('b');
    const served = () => say(upstream(), c, 'remember', { text: 'c' }).catch(() => '');
    expect(await until('a place', served)).toBe('c');
  });

  it('ends an instance that nobody uses, and never one with a call under way', async () => {
    const { upstream, owned } = await begin(rowOf({ isolation: 'session', idleStopSeconds: 1 }));
    const busy = say(upstream(), clientOf('u', 'busy'), 'sleep', { ms: 3_500 });
    await say(upstream(), clientOf('u', 'idle'), 'pid');
    await until('the idle one ends', () => owned().length === 1);
    expect(owned()[0]?.whose).toBe('busy');
    await busy;
    await until('the other one ends', () => owned().length === 0);
  });

  it('declares what the client can do and asks it, also before its first call and never somebody else', async () => {
    const { upstream, status } = await begin(rowOf({ isolation: 'session' }));
    const able = { elicitation: { form: {} }, roots: {} };
    const clients = ['one', 'two', 'three'].map((name) => clientOf('u', name, { capabilities: able }));
    const answers = await Promise.all(clients.map((client) => say(upstream(), client, 'ask')));
    expect(answers.map((answer) => JSON.parse(answer).content.name)).toEqual(['one', 'two', 'three']);
    for (const { asked } of clients) {
      expect(asked.map(({ method }) => method).sort()).toEqual(['elicitation/create', 'roots/list']);
    }
    expect(JSON.parse(await say(upstream(), clients[0] as ClientSide, 'at-start')).content.name).toBe('one');
    const unable = clientOf('u', 'four');
    expect(JSON.parse(await say(upstream(), unable, 'declared'))).not.toHaveProperty('elicitation');
    expect(JSON.parse(await say(upstream(), unable, 'ask')).code).toBe(-32601);
    expect(unable.asked).toEqual([]);
    expect(status()?.inVain).toContain('did not declare "elicitation"');
  });

  it('tells log messages and updates to their own caller alone', async () => {
    const { upstream, supervisor } = await begin(rowOf({ isolation: 'session' }));
    const [one, other] = [clientOf('u', 'one'), clientOf('u', 'other')];
    const news: [string, string | undefined][] = [];
    supervisor.on('notification', (_id, method, _params, whose) => news.push([method, whose]));
    await upstream().call('logging/setLevel', { level: 'debug' }, { timeoutMs: 5_000 }).answer;
    const slow = say(upstream(), other, 'sleep', { ms: 300 });
    expect(await say(upstream(), one, 'log', { word: 'mine' })).toBe('debug');
    await slow;
    expect([one.told, other.told]).toEqual([['mine'], []]);
    const wishes = [{ caller: one as Caller, uri: 'memo://one' }];
    expect(await upstream().watchFor?.(wishes)).toEqual([]);
    // Whoever listens first has an instance that knows what the client can do.
    const able = clientOf('u', 'third', { capabilities: { elicitation: {} } });
    await upstream().watchFor?.([...wishes, { caller: able, uri: 'memo://one', capabilities: able.capabilities }]);
    expect(JSON.parse(await say(upstream(), able, 'ask')).content.name).toBe('third');
    await say(upstream(), one, 'touch');
    await until('the update', () => news.length > 0);
    expect(news).toEqual([['notifications/resources/updated', 'one']]);
  });
});

describe('a server with an instance for each user', () => {
  it('keeps one for all sessions of a user, also after they have gone', async () => {
    const { upstream, supervisor, owned } = await begin(rowOf({ isolation: 'user' }));
    expect(await say(upstream(), clientOf('ann', 's1'), 'remember', { text: 'a' })).toBe('a');
    expect(await say(upstream(), clientOf('bob', 's2'), 'remember', { text: 'b' })).toBe('b');
    supervisor.release('s1');
    expect(await say(upstream(), clientOf('ann', 's3'), 'remember', { text: 'c' })).toBe('a,c');
    expect(await say(upstream(), clientOf('bob', 's4', { isPassing: true }), 'remember', { text: 'd' })).toBe('b,d');
    expect(owned().map(({ whose }) => whose)).toEqual(['ann', 'bob']);
  });

  it('asks nobody where calls of two sessions leave it open who is meant', async () => {
    const { upstream, status } = await begin(rowOf({ isolation: 'user' }));
    const able = { elicitation: { form: {} } };
    const [one, two] = ['s1', 's2'].map((name) => clientOf('ann', name, { capabilities: able }));
    if (!one || !two) return;
    expect(JSON.parse(await say(upstream(), one, 'ask')).content.name).toBe('s1');
    expect(JSON.parse(await say(upstream(), two, 'ask')).content.name).toBe('s2');
    const slow = say(upstream(), one, 'sleep', { ms: 500 });
    expect(JSON.parse(await say(upstream(), two, 'ask')).code).toBe(-32601);
    expect(status()?.inVain).toContain('several sessions');
    await slow;
  });

  it('starts a caller at once where instances stand ready, and makes new ones ready', async () => {
    const row = rowOf({ isolation: 'user', warmInstances: 2 });
    const { upstream, status, owned } = await begin(row);
    const ready = () => status()?.instances.filter(({ whose, state }) => whose === '' && state === 'ready') ?? [];
    await until('two that stand ready', () => ready().length === 2);
    const pids = ready().map(({ pid }) => String(pid));
    const able = clientOf('ann', 's1', { capabilities: { elicitation: { form: {} } } });
    expect(pids).toContain(await say(upstream(), able, 'pid'));
    expect(JSON.parse(await say(upstream(), able, 'declared'))).toHaveProperty('elicitation');
    expect(await say(upstream(), clientOf('bob'), 'remember', { text: 'b' })).toBe('b');
    await until('two again', () => ready().length === 2);
    expect(owned().length).toBe(2);
    expect(ready().some(({ pid }) => pids.includes(String(pid)))).toBe(false);
  });

  it('lists its tools from an instance of no caller, and becomes a shared one and back', async () => {
    const { upstream, change, owned, supervisor, status } = await begin(rowOf({ isolation: 'user' }));
    const id = status()?.id ?? '';
    const { value } = await supervisor.listingUpstreamOf(id).call('tools/list', {}, { timeoutMs: 5_000 }).answer;
    expect((value as { tools: unknown[] }).tools.length).toBeGreaterThan(5);
    expect(owned()).toEqual([]);
    await say(upstream(), clientOf('ann'), 'remember', { text: 'a' });
    await change({ isolation: 'shared' });
    await until('the end of her instance', () => owned().length === 0);
    expect(await say(upstream(), clientOf('ann'), 'remember', { text: 'b' })).toBe('b');
    expect(await say(upstream(), clientOf('bob'), 'remember', { text: 'c' })).toBe('b,c');
    await change({ isolation: 'user' });
    expect(await say(upstream(), clientOf('ann'), 'remember', { text: 'd' })).toBe('d');
    await change({ running: false });
    await until('the end of all', () => status()?.state === 'stopped' && status()?.instances.length === 0);
    expect(() => upstream()).toThrow('is stopped');
    expect(readFileSync(join(folder, 'starts'), 'utf8').trim().split('\n').length).toBe(3);
  });
});
