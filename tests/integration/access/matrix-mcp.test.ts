// Every MCP method, asked by every role about a server of their own, one of their group and one of others, over a real
// socket. What is expected comes from policy-table.ts alone.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Scope, scopes } from '../../../lib/access/schema';
import {
  initialize,
  keyActor,
  memoryUpstream,
  rpc,
  serverRow,
  startGateway,
  type TestGateway,
} from '../../support/gateway';
import { lastMessage, modernPost } from '../../support/modern';
import { until } from '../../support/until';
import { actorRights, has, methods, permissionsOf } from './policy-table';

type Answer = { result?: Record<string, unknown>; error?: { code: number } };

const actors = Object.keys(actorRights);
const nameOf = (actor: string, scope: Scope) => `${actor}-${scope}`;
const modernOnly = ['server/discover', 'subscriptions/listen', 'tasks/update'];

let hub: TestGateway;

function server() {
  return memoryUpstream(
    { tools: {}, resources: { subscribe: true }, prompts: {}, completions: {}, logging: {} },
    (method) => {
      switch (method) {
        case 'tools/list':
          return { tools: [{ name: 'echo', inputSchema: { type: 'object' } }] };
        case 'resources/list':
          return { resources: [{ uri: 'demo://a', name: 'a' }] };
        case 'resources/templates/list':
          return { resourceTemplates: [{ uriTemplate: 'demo://{id}', name: 'item' }] };
        case 'prompts/list':
          return { prompts: [{ name: 'greet' }] };
        default:
          return { content: [], contents: [], messages: [], completion: { values: [] } };
      }
    },
  );
}

beforeAll(async () => {
  const rows = actors.flatMap((actor) =>
    scopes.map((scope) => serverRow(nameOf(actor, scope), { ownerId: scope === 'own' ? `user-${actor}` : 'somebody' })),
  );
  const offered = actors.map((actor) => ({ serverId: `id-${nameOf(actor, 'group')}`, tools: null }));
  const team = {
    id: 'team',
    name: 'team',
    prefix: 'always' as const,
    anonymous: false,
    ownerId: null,
    servers: offered,
  };
  // For callers without a credential: one that is open to them, one that only an open group offers, and the rest.
  rows.push(serverRow('open', { anonymous: true }), serverRow('shut'));
  const lobby = {
    ...team,
    id: 'lobby',
    name: 'lobby',
    anonymous: true,
    prefix: 'never' as const,
    servers: [{ serverId: 'id-shut', tools: null }],
  };
  hub = await startGateway({ servers: rows, groups: [team, lobby], limits: { strangersPerMinute: 100_000 } });
  for (const { id } of rows) hub.supervisor.open(id, server());
  await until(() => hub.stored.size === rows.length, 10_000);
  for (const actor of actors) {
    hub.keys.set(actor, keyActor(actor, 'user', { permissions: permissionsOf(actor), groupIds: ['team'] }));
  }
}, 30_000);
afterAll(() => hub.close());

async function sessionOf(actor: string | null, path: string): Promise<string | number> {
  const response = await hub.post(initialize(), { path, key: actor });
  await response.arrayBuffer();
  return response.headers.get('mcp-session-id') ?? response.status;
}

/** Asks one method as somebody, or as nobody, by the era that has it. @returns the status where there is no more to it */
async function askAs(
  actor: string | null,
  path: string,
  method: string,
  params: Record<string, unknown> | undefined,
): Promise<Answer | number> {
  if (modernOnly.includes(method)) {
    const isStream = method === 'subscriptions/listen';
    const sent = isStream ? { notifications: {} } : params;
    const response = await modernPost(hub, method, sent, { path, key: actor });
    if (!isStream) return response.status === 404 ? 404 : ((await lastMessage(response)) as Answer);
    await response.body?.cancel();
    return response.status === 200 ? { result: {} } : response.status;
  }
  const session = await sessionOf(actor, path);
  if (typeof session === 'number') return session;
  return (await lastMessage(await hub.post(rpc(method, params), { path, key: actor, session }))) as Answer;
}

describe.each(Object.entries(methods).filter(([method]) => method !== 'initialize'))('%s', (method, row) => {
  const ask = (actor: string, path: string) => askAs(actor, path, method, row.params);

  it('answers nobody, and each role as the table says', async () => {
    const path = `/api/mcp/${nameOf('user', 'group')}`;
    expect((await hub.post(rpc(method, row.params), { path, key: null })).status).toBe(401);
    expect((await modernPost(hub, method, row.params, { path, key: 'wrong' })).status).toBe(401);
    const wrong: string[] = [];
    for (const actor of actors) {
      for (const scope of scopes) {
        const answer = await ask(actor, `/api/mcp/${nameOf(actor, scope)}`);
        const isThere = has(actor, ['server', 'read'], scope);
        const isAllowed = isThere && (row.rights ?? []).every((right) => has(actor, right, scope));
        const saw = typeof answer === 'number' ? answer : answer.error ? 'refused' : shown(answer, row.listed);
        const should = !isThere
          ? 404
          : row.rights === null
            ? 'done'
            : row.listed
              ? isAllowed
                ? 1
                : 0
              : isAllowed && row.rights.length > 0
                ? 'done'
                : 'refused';
        if (saw !== should) wrong.push(`${actor}, ${scope}: ${saw} instead of ${should}`);
      }
    }
    // Tasks of others are not known, whoever asks.
    expect(method.startsWith('tasks/') ? wrong.filter((each) => each.includes('done instead')) : wrong).toEqual([]);
  });
});

describe.each(Object.entries(methods))('%s without a credential', (method, row) => {
  it('is answered where everybody may ask, and nowhere else', async () => {
    const ask = (name: string) => hub.post(rpc(method, row.params), { path: `/api/mcp${name}`, key: null });
    for (const name of ['', '/shut', '/team', `/${nameOf('user', 'group')}`]) {
      expect([name, (await ask(name)).status]).toEqual([name, 401]);
      const modern = await modernPost(hub, method, row.params, { path: `/api/mcp${name}`, key: null });
      expect([name, modern.status]).toEqual([name, 401]);
    }
    if (method === 'initialize') return;
    for (const name of ['open', 'lobby']) {
      const answer = await askAs(null, `/api/mcp/${name}`, method, row.params);
      const saw = typeof answer === 'number' ? answer : answer.error ? 'refused' : shown(answer, row.listed);
      const isUnknown = row.rights?.length === 0;
      expect([name, saw]).toEqual([name, isUnknown ? 'refused' : row.listed ? 1 : 'done']);
    }
  });
});

function shown({ result }: Answer, listed: string | undefined): 'done' | number {
  return listed ? ((result?.[listed] as unknown[] | undefined)?.length ?? 0) : 'done';
}

it('a call by REST and from the playground takes the same rights', async () => {
  const wrong: string[] = [];
  for (const actor of actors) {
    for (const scope of scopes) {
      const call = { server: nameOf(actor, scope), tool: 'echo', arguments: {}, requestId: 'r' };
      const { error } = (await hub.gateway.callTool({ ...call, actor: hub.keys.get(actor) as never })) as Answer;
      const rights = [
        ['server', 'read'],
        ['tool', 'read'],
        ['tool', 'call'],
      ] as const;
      const should = rights.every((right) => has(actor, [...right], scope));
      if ((error === undefined) !== should) wrong.push(`${actor}, ${scope}`);
    }
  }
  expect(wrong).toEqual([]);
});

it('the endpoint over everything lists for each role what the table says', async () => {
  for (const actor of actors) {
    const session = (await sessionOf(actor, '/api/mcp')) as string;
    const { result } = (await lastMessage(await hub.post(rpc('tools/list'), { key: actor, session }))) as Answer;
    const names = ((result?.tools ?? []) as { name: string }[])
      .map(({ name }) => name)
      .filter((name) => name.startsWith(actor));
    const allowed = scopes.filter((scope) =>
      (
        [
          ['server', 'read'],
          ['tool', 'read'],
          ['tool', 'call'],
        ] as const
      ).every((right) => has(actor, [...right], scope)),
    );
    const ofActor = names.filter((name) => scopes.some((scope) => name === `${nameOf(actor, scope)}__echo`));
    expect([actor, ...ofActor.sort()]).toEqual([
      actor,
      ...allowed.map((scope) => `${nameOf(actor, scope)}__echo`).sort(),
    ]);
  }
});
