// The search for tools at a gateway: it finds what its lists show to the same caller, as they are now, and nothing else.
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Actor } from '../../../lib/access/schema';
import { keyActor, memoryUpstream, serverRow, startGateway, type TestGateway } from '../../support/gateway';
import { until } from '../../support/until';

interface Described {
  description?: string;
  annotations?: object;
  inputSchema?: object;
}

let hub: TestGateway;
const counted: unknown[] = [];
const lists: Record<string, Record<string, Described>> = {};

function server(name: string) {
  return memoryUpstream({ tools: { listChanged: true } }, (method) => {
    if (method !== 'tools/list') return {};
    const tools = Object.entries(lists[name] ?? {});
    return { tools: tools.map(([tool, each]) => ({ name: tool, inputSchema: { type: 'object' }, ...each })) };
  });
}

beforeEach(async () => {
  lists.files = {
    read_file: { description: 'Reads a whole file', annotations: { readOnlyHint: true } },
    delete_file: { description: 'Deletes a file for good' },
  };
  lists.vault = { read_secret: { description: 'Reads a secret file of the vault' } };
  lists.sleepy = { wake: { description: 'Wakes the file system' } };
  counted.length = 0;
  hub = await startGateway({
    limits: { searchesAtOnce: 300, searchesPerSecond: 1000 },
    searches: { searched: (...each) => void counted.push(each), foundToolCalled: () => undefined },
    recordSearch: (entry) => void counted.push(entry),
    servers: [serverRow('files'), serverRow('vault'), serverRow('sleepy', { enabled: false })],
    groups: [
      {
        id: 'g1',
        name: 'Readers',
        ownerId: null,
        anonymous: false,
        prefix: 'never',
        servers: [{ serverId: 'id-files', tools: null }],
      },
      {
        id: 'g2',
        name: 'One',
        ownerId: null,
        anonymous: false,
        prefix: 'always',
        servers: [{ serverId: 'id-files', tools: ['read_file'] }],
      },
    ],
  });
  hub.keys.set('member', keyActor('member', 'user', { groupIds: ['g1'] }));
  hub.keys.set('single', keyActor('single', 'user', { groupIds: ['g2'] }));
  hub.keys.set('nobody', keyActor('nobody', 'user'));
  hub.keys.set('reader', keyActor('reader', 'admin', { keyScope: { readOnly: true } }));
  hub.keys.set('scoped', keyActor('scoped', 'admin', { keyScope: { tools: ['vault/read_secret'] } }));
  for (const name of Object.keys(lists)) hub.supervisor.open(`id-${name}`, server(name));
  await until(() => hub.stored.size === 3, 5000);
});
afterEach(() => hub.close());

const actor = (key: string) => hub.keys.get(key) as Actor;
const found = async (key: string, query: string, more: object = {}) =>
  (await hub.gateway.searchTools(actor(key), { query, limit: 50, ...more })).hits.map(({ id }) => id).sort();

it.each(['key-a', 'member', 'single', 'nobody', 'reader', 'scoped'])(
  'finds exactly what is listed, for %s',
  async (key) => {
    const { client } = await hub.client('/api/mcp', key);
    const listed = (await client.listTools()).tools.map(({ name }) => name).sort();
    expect(await found(key, 'file read secret delete wake')).toEqual(listed);
  },
);

it('tells what a tool is, how it fits and why, with the name to call it by', async () => {
  const { hits, mode, tookMs } = await hub.gateway.searchTools(actor('key-a'), {
    query: 'remove a document',
    limit: 1,
  });
  expect(hits).toEqual([
    {
      id: 'files__delete_file',
      server: 'files',
      name: 'delete_file',
      title: null,
      description: 'Deletes a file for good',
      readOnly: false,
      tokens: expect.any(Number),
      score: 1,
      why: [
        { word: 'remove', as: 'delete', in: ['name', 'description'] },
        { word: 'document', as: 'file', in: ['name', 'server', 'description'] },
      ],
    },
  ]);
  expect(mode).toBe('lexical');
  expect(tookMs).toBeGreaterThanOrEqual(0);
});

it('keeps to a group with its names, to a server, and to tools that only read', async () => {
  expect(await found('member', 'file', { group: 'readers' })).toEqual(['delete_file', 'read_file']);
  expect(await found('key-a', 'file', { server: 'VAULT' })).toEqual(['vault__read_secret']);
  expect(await found('key-a', 'file', { readOnly: true })).toEqual(['files__read_file']);
  expect(await found('key-a', 'file', { server: 'unknown' })).toEqual([]);
});

it('answers alike for a group that does not exist and for one that is not the caller’s', async () => {
  for (const group of ['One', 'None', 'files']) {
    await expect(found('member', 'file', { group }), group).rejects.toMatchObject({ code: 'NOT_FOUND' });
  }
});

it('follows lists, names and rights that change', async () => {
  expect(await found('key-a', 'shred')).toEqual([]);
  lists.files = { read_file: lists.files?.read_file ?? {}, shred_file: { description: 'Shreds a file' } };
  hub.supervisor.notify('id-files', 'notifications/tools/list_changed');
  await until(async () => (await found('key-a', 'shred')).join() === 'files__shred_file', 5000);
  expect(await found('key-a', 'delete')).toEqual([]);

  hub.rows.servers = hub.rows.servers.map((row) => (row.name === 'files' ? { ...row, name: 'papers' } : row));
  await hub.bus.emit('server.updated', { id: 'id-files', name: 'papers', changed: ['name'] } as never);
  await until(async () => (await found('key-a', 'shred')).join() === 'papers__shred_file', 5000);

  hub.keys.set('member', { ...actor('member'), groupIds: [] });
  expect(await found('member', 'shred')).toEqual([]);

  hub.rows.servers = hub.rows.servers.filter(({ name }) => name !== 'papers');
  hub.supervisor.remove('id-files');
  await until(async () => (await found('key-a', 'file')).join() === 'vault__read_secret', 5000);
});

it('answers many searches at once, and none after it was closed', async () => {
  const answers = await Promise.all(Array.from({ length: 100 }, () => found('key-a', 'delete')));
  expect(answers.every((ids) => ids.join() === 'files__delete_file')).toBe(true);
  // Of many users: more than may wait, though none of them asks too often.
  const users = Array.from({ length: 6 }, (_, at) => keyActor(`user-${at}`));
  const search = (by: Actor) => hub.gateway.searchTools(by, { query: 'delete', limit: 50 });
  const rest = await Promise.allSettled(users.flatMap((by) => Array.from({ length: 100 }, () => search(by))));
  const refused = rest.filter(({ status }) => status === 'rejected');
  expect(refused.length).toBeGreaterThan(0);
  expect(refused[0]).toMatchObject({ reason: { code: 'BUSY' } });
});

it('who searches all the time is told when to come back, over all of his keys, and holds up nobody else', async () => {
  const [one, two, other] = ['k1', 'k2', 'k3'].map((id, at) => keyActor(id, 'admin', { userId: `user-${at >> 1}` }));
  const search = (by = one as Actor) => hub.gateway.searchTools(by, { query: 'qwrtz', limit: 1 });
  let admitted = 0;
  const flood = async () => {
    for (; admitted < 5000; admitted++) await search();
  };
  await expect(flood()).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
    extras: { retryable: true, retryAfterMs: expect.any(Number) },
  });
  expect(admitted).toBeGreaterThanOrEqual(300);
  const rest = await Promise.allSettled(Array.from({ length: 20 }, () => search(two)));
  expect(rest.some(({ status }) => status === 'rejected')).toBe(true);
  await search(other);
});

it('is measured by cases as its caller sees the tools, without a trace in the metrics', async () => {
  const of = (id: string, query: string, expected: string[], group: string | null = null) => ({
    id,
    query,
    expected,
    group,
  });
  const cases = [
    of('hit', 'delete a file', ['files/nothing', 'FILES/delete_file']),
    of('hidden', 'read a secret', ['vault/read_secret']),
    of('other', 'delete', ['files/read_file']),
    of('group', 'delete file', ['files/delete_file'], 'readers'),
    of('unseen', 'read file', ['files/read_file'], 'one'),
  ];
  const steps: unknown[] = [];
  const measure = (key: string, signal = new AbortController().signal) =>
    hub.gateway.measureSearch(actor(key), cases, (step) => void steps.push(step), signal);
  const { engine, results } = await measure('member');
  expect(results).toEqual([
    { id: 'hit', rank: 1, missing: ['files/nothing'], void: false },
    { id: 'hidden', rank: null, missing: ['vault/read_secret'], void: true },
    { id: 'other', rank: null, missing: [], void: false },
    { id: 'group', rank: 1, missing: [], void: false },
    { id: 'unseen', rank: null, missing: ['files/read_file'], void: true },
  ]);
  expect(engine).toMatchObject({ mode: 'lexical', tools: 2 });
  expect(steps[0]).toEqual({ done: 0, total: 5 });
  const again = await measure('member');
  expect(again).toEqual({ engine, results });
  const all = await measure('key-a');
  expect(all.results[1]).toMatchObject({ rank: 1, void: false });
  expect(all.engine.catalog).not.toBe(engine.catalog);
  expect(counted).toEqual([]);

  const gone = new AbortController();
  const [running, second] = [measure('key-a', gone.signal), measure('key-a')];
  await expect(second).rejects.toMatchObject({ code: 'BUSY' });
  await running;
  gone.abort();
  await expect(measure('key-a', gone.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
  await measure('key-a');
});
