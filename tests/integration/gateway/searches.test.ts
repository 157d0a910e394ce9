// What comes of a search at a gateway: which of its hits is called after it, through call_tool or directly, by clients
// of both eras; what found nothing; and what it costs a model to read.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { anonymousActor } from '../../../lib/access/identities';
import type { Actor } from '../../../lib/access/schema';
import type { SearchCost, SearchEntry } from '../../../lib/quality';
import { tokensOfText, tokensOfTool } from '../../../lib/routing/tokens';
import type { SearchMessage } from '../../../worker/fleet/messages';
import { OpenSearches } from '../../../worker/gateway/open-searches';
import { keyActor, memoryUpstream, serverRow, startGateway, type TestGateway } from '../../support/gateway';
import { modernClient } from '../../support/modern';
import { until } from '../../support/until';

type Json = Record<string, unknown>;

let hub: TestGateway;
const ranks: number[] = [];
const searches: SearchEntry[] = [];
const costs: SearchCost[] = [];

const lists: Record<string, Json> = {
  files: {
    read_file: { description: 'Reads a whole file' },
    delete_file: { description: 'Deletes a file for good' },
    write_file: { description: 'Writes a file' },
  },
  mail: { send_mail: { description: 'Sends a letter to somebody' } },
};

function server(name: string) {
  return memoryUpstream({ tools: {} }, (method) => {
    if (method === 'tools/call') return { content: [{ type: 'text', text: 'done' }] };
    if (method !== 'tools/list') return {};
    const tools = Object.entries(lists[name] ?? {}) as [string, Json][];
    return { tools: tools.map(([tool, each]) => ({ name: tool, inputSchema: { type: 'object' }, ...each })) };
  });
}

beforeEach(async () => {
  for (const kept of [ranks, searches, costs]) kept.length = 0;
  hub = await startGateway({
    searches: { searched: () => undefined, foundToolCalled: (rank) => void ranks.push(rank) },
    recordSearch: (entry) => void searches.push(entry),
    spendTokens: (cost) => void costs.push(cost),
    servers: [serverRow('files'), serverRow('mail')],
  });
  hub.keys.set('key-b', keyActor('b'));
  for (const name of Object.keys(lists)) hub.supervisor.open(`id-${name}`, server(name));
  await until(() => hub.stored.size === 2, 5000);
});
afterEach(() => hub.close());

const eras = {
  legacy: async (path: string, key = 'key-a') => (await hub.client(path, key)).client,
  modern: (path: string, key = 'key-a') => modernClient(hub, { path, key }),
};
type Client = Awaited<ReturnType<(typeof eras)['legacy' | 'modern']>>;

const call = (client: Client, name: string, args: Json = {}) => client.callTool({ name, arguments: args } as never);
const hitsOf = async (client: Client, query: string) => {
  const { structuredContent } = (await call(client, 'search_tools', { query })) as { structuredContent?: unknown };
  return (structuredContent as { hits: { id: string }[] }).hits.map(({ id }) => id);
};

describe.each(['legacy', 'modern'] as const)('for a client of the %s era', (era) => {
  it('the place of the hit that is called through call_tool counts, once for a search', async () => {
    const client = await eras[era]('/api/mcp/$smart');
    const hits = await hitsOf(client, 'file');
    const id = hits[1] as string;
    await call(client, 'call_tool', { id });
    await call(client, 'call_tool', { id: hits[0] });
    expect(ranks).toEqual([2]);
    expect(searches).toMatchObject([
      {
        query: 'file',
        mode: 'lexical',
        hits: 3,
        found: hits.map((hit) => hit.replace('__', '/')),
        called: id.replace('__', '/'),
        calledRank: 2,
        actor: 'a',
        userId: 'user-a',
        keyId: 'a',
        endpoint: '/api/mcp/$smart',
        at: expect.any(Date),
      },
    ]);
  });

  it('so does that of a hit that is called directly, with the same key, and of nobody else’s call', async () => {
    const { hits } = await hub.gateway.searchTools(hub.keys.get('key-a') as Actor, { query: 'file', limit: 5 });
    const place = hits.findIndex(({ name }) => name === 'delete_file') + 1;
    expect(place).toBeGreaterThan(0);
    await call(await eras[era]('/api/mcp', 'key-b'), 'files__delete_file');
    expect(ranks).toEqual([]);
    await call(await eras[era]('/api/mcp'), 'files__delete_file');
    expect(ranks).toEqual([place]);
    expect(searches).toMatchObject([{ called: 'files/delete_file', calledRank: place, endpoint: '/api/mcp' }]);
  });

  it('what its list and its answers take of a model’s context is told, and what all tools would take', async () => {
    const client = await eras[era]('/api/mcp/$smart');
    const { tools } = await client.listTools();
    const found = (await call(client, 'search_tools', { query: 'file' })) as { content: { text: string }[] };
    await call(client, 'describe_tool', { ids: ['files__read_file'] });
    await call(client, 'call_tool', { id: 'files__read_file' });
    const endpoint = '/api/mcp/$smart';
    const full = await (await eras[era]('/api/mcp')).listTools();
    const sum = (list: { tools: object[] }) => list.tools.reduce((total, tool) => total + tokensOfTool(tool), 0);
    expect(costs.map(({ kind }) => kind)).toEqual(['list', 'search', 'describe']);
    expect(costs[0]).toMatchObject({ endpoint, shownTokens: sum({ tools }) });
    // Names on the list carry the name of their server.
    expect(Math.abs((costs[0]?.fullTokens ?? 0) - sum(full))).toBeLessThan(20);
    expect(costs[1]).toEqual({
      kind: 'search',
      endpoint,
      shownTokens: tokensOfText(found.content[0]?.text ?? ''),
      fullTokens: 0,
    });
  });
});

it('a session that lists again what it has takes nothing more', async () => {
  const client = await eras.legacy('/api/mcp/$smart');
  await client.listTools();
  await client.listTools();
  expect(costs.map(({ kind }) => kind)).toEqual(['list']);
});

it('two sessions of one key that look for different things are told apart', async () => {
  const [one, two] = [await eras.legacy('/api/mcp/$smart'), await eras.legacy('/api/mcp/$smart')];
  const [first, second] = [await hitsOf(one, 'read file'), await hitsOf(two, 'delete file')];
  await call(one, 'call_tool', { id: 'files__delete_file' });
  await call(two, 'call_tool', { id: 'files__delete_file' });
  expect(ranks).toEqual([first, second].map((hits) => hits.indexOf('files__delete_file') + 1));
});

it('what finds nothing is recorded when the gateway ends, with what was called in its place', async () => {
  const client = await eras.legacy('/api/mcp/$smart');
  expect(await hitsOf(client, 'qwrtz')).toEqual([]);
  await call(client, 'call_tool', { id: 'mail__send_mail' });
  await hitsOf(client, 'file');
  expect(searches).toEqual([]);
  await hub.gateway.close();
  expect(searches).toMatchObject([{ query: 'qwrtz', hits: 0, called: 'mail/send_mail', calledRank: null }]);
  expect(ranks).toEqual([]);
});

describe('searches that wait for a call', () => {
  let nowMs = 1_000_000;
  let open: OpenSearches;
  beforeEach(() => {
    nowMs = 1_000_000;
    open = new OpenSearches({
      foundToolCalled: (rank) => void ranks.push(rank),
      record: (entry) => void searches.push(entry),
      now: () => nowMs,
    });
  });
  afterEach(() => open.close());

  const begin = (actor: Actor, query: string, names: string[], session: string | null = null) =>
    open.begin({
      actor,
      session,
      client: null,
      endpoint: '/api/mcp',
      query,
      mode: 'lexical',
      hits: names.map((name) => ({ server: 's', name })),
    });

  it('wait ten minutes, and are then recorded as those of which nothing was called', () => {
    const actor = keyActor('a');
    begin(actor, 'one', ['x']);
    nowMs += 10 * 60_000 - 1;
    open.settle();
    expect([searches.length, open.open]).toEqual([0, 1]);
    nowMs += 2;
    open.called(actor, null, 's', 'x');
    open.settle();
    expect([ranks, open.open]).toEqual([[], 0]);
    expect(searches).toMatchObject([{ query: 'one', hits: 1, called: null, calledRank: null }]);
  });

  it('the newest that found the tool takes the call', () => {
    const actor = keyActor('a');
    begin(actor, 'old', ['x', 'y']);
    begin(actor, 'new', ['z', 'x']);
    begin(actor, 'other', ['w']);
    open.called(actor, null, 's', 'x');
    expect([ranks, searches]).toMatchObject([[2], [{ query: 'new' }]]);
    open.called(actor, null, 's', 'y');
    expect([ranks, open.open]).toEqual([[2, 2], 1]);
  });

  it('are bounded, for one actor and for all, and nothing is lost', () => {
    for (let at = 0; at < 40; at++) begin(keyActor('a'), `q${at}`, ['x']);
    expect([open.open, searches.length]).toEqual([16, 24]);
    for (let at = 0; at < 6_000; at++) begin(keyActor(`k${at}`), 'q', ['x']);
    expect(open.open).toBeLessThanOrEqual(5_000);
    expect(searches.length + open.open).toBe(6_040);
  });

  it('of what somebody types in the dashboard only the last is kept, and reading it is enough', () => {
    const actor = keyActor('u', 'admin', { kind: 'user' });
    for (const query of ['r', 're', 'ren']) begin(actor, query, query === 'ren' ? ['x'] : []);
    expect(open.open).toBe(1);
    nowMs += 11 * 60_000;
    open.settle();
    expect([searches, open.open]).toEqual([[], 0]);
    begin(actor, 'nothing', []);
    nowMs += 11 * 60_000;
    open.settle();
    expect(searches).toMatchObject([{ query: 'nothing', keyId: null }]);
  });

  it('of another worker take the calls that arrive here, are recorded there, once, and hold up no others', () => {
    const lines: ((message: SearchMessage, from: string) => void)[] = [];
    const seen: [string, SearchEntry][] = [];
    const places: string[] = [];
    const workers = ['one', 'two'];
    const [one, two] = workers.map(
      (self, at) =>
        new OpenSearches({
          foundToolCalled: (rank) => void places.push(`${self} ${rank}`),
          record: (entry) => void seen.push([self, entry]),
          now: () => nowMs,
          line: {
            send(message, to) {
              if (to === undefined || to === workers[1 - at])
                lines[1 - at]?.(JSON.parse(JSON.stringify(message)), self);
            },
            onMessage(listener) {
              lines[at] = listener;
              return () => delete lines[at];
            },
          },
        }),
    ) as [OpenSearches, OpenSearches];
    const actor = keyActor('a');
    const answer = (at: OpenSearches, query: string, names: string[], who: Actor = actor) =>
      at.begin({
        actor: who,
        session: null,
        client: null,
        endpoint: '/api/mcp',
        query,
        mode: 'lexical',
        hits: names.map((name) => ({ server: 's', name })),
      });
    answer(one, 'first', ['x', 'y']);
    answer(two, 'second', ['y']);
    expect([one.open, two.open]).toEqual([2, 2]);
    two.called(keyActor('b'), null, 's', 'x');
    two.called(actor, null, 's', 'w');
    two.called(actor, null, 's', 'x');
    expect([places, seen]).toMatchObject([['one 1'], [['one', { query: 'first', called: 's/x', calledRank: 1 }]]]);
    // The second one is still waited for at both, and so is what was called in its place.
    expect([one.open, two.open]).toEqual([1, 1]);
    nowMs += 11 * 60_000;
    one.settle();
    two.settle();
    expect(seen[1]).toMatchObject(['two', { query: 'second', called: 's/w', calledRank: null }]);
    expect([seen.length, one.open, two.open]).toEqual([2, 0, 0]);
    answer(one, 'third', ['x']);
    one.called(actor, null, 's', 'x');
    two.called(actor, null, 's', 'x');
    expect([places, one.open, two.open]).toEqual([['one 1', 'one 1'], 0, 0]);
    // Of what somebody types only the last counts, wherever it was answered; all are bounded at both.
    const person = keyActor('u', 'admin', { kind: 'user' });
    answer(one, 'typ', [], person);
    answer(two, 'typed', [], person);
    expect([one.open, two.open]).toEqual([1, 1]);
    for (let at = 0; at < 40; at++) answer(at % 2 ? one : two, `q${at}`, ['v']);
    expect([one.open, two.open]).toEqual([17, 17]);
    expect(seen.filter(([, { query }]) => query.startsWith('q'))).toHaveLength(24);
    one.close();
    two.close();
    expect(lines.filter(Boolean)).toEqual([]);
  });

  it('strangers are told apart by their session alone, and few of their searches are kept', () => {
    begin(anonymousActor, 'mine', ['x'], 'session-1');
    open.called(anonymousActor, 'session-2', 's', 'x');
    open.called(anonymousActor, null, 's', 'x');
    expect(ranks).toEqual([]);
    open.called(anonymousActor, 'session-1', 's', 'x');
    expect(ranks).toEqual([1]);
    for (let at = 0; at < 100; at++) begin(anonymousActor, 'q', [], `s${at}`);
    nowMs += 11 * 60_000;
    open.settle();
    expect(searches.length).toBe(20);
  });
});
