// What it costs to let a call through: the key, the policy and the limits, on real rows in an embedded database with the
// functions that the worker calls. Nothing of HTTP and no server is in these figures.
import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { apiKeys, callLimits, groupMembers, groupServers, groups, roles, servers, users } from '../../drizzle/schema';
import { bootstrapAccess, createActorResolver, createKeyring, ownTokens } from '../../lib/access';
import { can, missingScope } from '../../lib/access/can';
import type { Actor } from '../../lib/access/schema';
import { hashSecret, newKeySecret, shownPrefix } from '../../lib/access/secrets';
import type { Db } from '../../lib/db/types';
import { createBus } from '../../lib/events/bus';
import { createLimiter, createUsageStore, loadLimits } from '../../lib/limits';
import { isReadOnly, type Listing, loadEndpoints } from '../../lib/servers/catalog';
import { openTestDatabase, silentLog } from '../../tests/support/database';
import { addAccessToken, hubUrl } from '../../tests/support/oauth-rows';
import { buildEndpoints, type ServerNode } from '../../worker/gateway/catalog/endpoints';
import { median, say, table } from './support';

const manyKeys = 100_000;
const manyUsers = 10_000;
const coldKeys = 300;
const rounds = 7;
const callsOfRound = 200_000;
const toolsOfServer = 500;
const serverCount = 20;
const toolGroups = 10;
const master = Buffer.from('0123456789abcdef0123456789abcdef');

export async function benchAccess(): Promise<void> {
  const database = await openTestDatabase('embedded');
  try {
    const { db } = database;
    await bootstrapAccess({ db, env: {}, log: silentLog });
    const secrets = Array.from({ length: coldKeys + 1 }, newKeySecret);
    await seed(db, secrets);
    const few = await measure(db, secrets);
    await seedMany(db);
    const many = await measure(db, secrets);
    await seedSingleTools(db);
    const single = await measure(db, secrets);
    const names = ['one user', `${manyKeys} keys, ${manyUsers} users`, `and ${toolGroups} groups of single tools`];
    const rows = [few, many, single].map((each, at) => [
      names[at] ?? '',
      each.warmUs,
      each.tokenUs,
      each.coldMs,
      each.viewMs,
    ]);
    table(
      `key, policy and limits of a call; and what ${toolsOfServer * serverCount} tools cost a user`,
      ['', 'a call, µs CPU', 'with a token, µs CPU', 'unknown key, ms', 'permissions, ms CPU'],
      rows,
      [0, 2, 2, 2, 2],
    );
    say('  targets: 15 µs with either, 3 ms, 5 ms, and no more than 20 % between the two rows');
  } finally {
    await database.close();
  }
}

async function seed(db: Db, secrets: string[]): Promise<void> {
  await db.execute(sql`insert into ${users} (username) values ('ada')`);
  await db.execute(
    sql`insert into user_roles (user_id, role_id) select u.id, r.id from ${users} u, ${roles} r where r.name = 'user'`,
  );
  await db.execute(sql`insert into ${groups} (name) values ('team')`);
  await db.execute(sql`insert into ${groupMembers} (group_id, user_id) select g.id, u.id from ${groups} g, ${users} u`);
  await db.execute(sql`
    insert into ${servers} (name, type, command) select 'server-' || n, 'stdio', 'node' from generate_series(1, ${serverCount}::int) n
  `);
  await db.execute(
    sql`insert into ${groupServers} (group_id, server_id) select g.id, s.id from ${groups} g, ${servers} s`,
  );
  const [ada] = await db.select({ id: users.id }).from(users);
  await db.insert(apiKeys).values(
    secrets.map((secret) => ({
      userId: ada?.id ?? '',
      name: 'key',
      prefix: shownPrefix(secret),
      secretHash: hashSecret(secret),
    })),
  );
  for (const subject of ['key', 'user', 'server', 'tool'] as const) {
    await db
      .insert(callLimits)
      .values({ subject, subjectId: '*', perMinute: 1_000_000_000, concurrent: 1000, perDay: 2_000_000_000 });
  }
}

async function seedMany(db: Db): Promise<void> {
  await db.execute(
    sql`insert into ${users} (username) select 'user-' || n from generate_series(1, ${manyUsers}::int) n`,
  );
  await db.execute(sql`
    insert into user_roles (user_id, role_id) select u.id, r.id from ${users} u, ${roles} r
    where r.name = 'user' and u.username like 'user-%'
  `);
  await db.execute(sql`
    insert into ${apiKeys} (user_id, name, prefix, secret_hash)
    select u.id, 'key', 'mcphub_', md5(u.id::text || n) || md5(n::text || u.id)
    from ${users} u, generate_series(1, ${manyKeys / manyUsers}::int) n where u.username like 'user-%'
  `);
  await db.execute(sql`analyze`);
}

/** The same rights by groups that name single tools, each tool in two of them. */
async function seedSingleTools(db: Db): Promise<void> {
  const made = Array.from({ length: toolGroups }, (_, at) => ({ name: `single-${at}` }));
  const [known, serverRows, [ada]] = await Promise.all([
    db.insert(groups).values(made).returning({ id: groups.id }),
    db.select({ id: servers.id }).from(servers),
    db.select({ id: users.id }).from(users).where(sql`username = 'ada'`),
  ]);
  await db.delete(groupServers);
  await db.insert(groupMembers).values(known.map(({ id }) => ({ groupId: id, userId: ada?.id ?? '' })));
  const isOffered = (tool: number, at: number) => tool % toolGroups === at || (tool + 1) % toolGroups === at;
  for (const [at, { id: groupId }] of known.entries()) {
    const tools = Array.from({ length: toolsOfServer }, (_, tool) => tool)
      .filter((tool) => isOffered(tool, at))
      .map((tool) => `tool-${tool}`);
    await db.insert(groupServers).values(serverRows.map(({ id }) => ({ groupId, serverId: id, tools })));
  }
}

async function measure(db: Db, secrets: string[]) {
  const bus = createBus(() => undefined);
  const keyring = createKeyring(master);
  const access = createActorResolver({ db, bus, keyring, tokens: ownTokens(db, hubUrl) });
  const limiter = createLimiter({ store: createUsageStore(db), load: () => loadLimits(db), bus });
  await limiter.start();
  const endpoints = buildEndpoints(await loadEndpoints(db));
  const [warm = '', ...cold] = secrets;
  try {
    const actor = await access.resolveCaller(warm);
    const [node] = endpoints.servers.values();
    if (!actor?.userId || !node) throw new Error('the rows are not as they should be');
    const token = await addAccessToken(db, { userId: actor.userId, grantId: randomUUID() });
    const resource = node.toolResource('tool-1', false);
    const costOf = async (credential: string) => {
      const connection = {};
      await access.resolveCaller(credential, '127.0.0.1', connection);
      const once = () => {
        const caller = access.resolveCaller(credential, '127.0.0.1', connection);
        if (!caller || caller instanceof Promise || !can(caller, 'call', resource)) throw new Error('refused');
        if (caller.token && missingScope(caller, resource)) throw new Error('refused');
        limiter.admit(caller.kind === 'key' ? caller.id : null, caller.userId, node, 'tool-1')?.release();
      };
      return median(
        Array.from({ length: rounds }, () => {
          const before = process.cpuUsage();
          for (let at = 0; at < callsOfRound; at++) once();
          const { user, system } = process.cpuUsage(before);
          return (user + system) / callsOfRound;
        }),
      );
    };
    const warmUs = await costOf(warm);
    const tokenUs = await costOf(token);
    const coldMs: number[] = [];
    for (const secret of cold) {
      const startMs = performance.now();
      if (!(await access.resolveBearer(secret))) throw new Error('a key is not known');
      coldMs.push(performance.now() - startMs);
    }
    const listings = listingsOf([...endpoints.servers.keys()]);
    const viewMs = median(
      Array.from({ length: rounds * 3 }, () => {
        const before = process.cpuUsage();
        const count = allowed(actor, endpoints.servers, listings);
        const { user, system } = process.cpuUsage(before);
        if (count !== toolsOfServer * serverCount) throw new Error(`${count} tools are allowed`);
        return (user + system) / 1000;
      }),
    );
    return { warmUs, tokenUs, coldMs: median(coldMs), viewMs };
  } finally {
    await limiter.close();
    await access.close();
  }
}

/** How many tools the actor may see and call: what a view asks of the policy. */
function allowed(actor: Actor, nodes: ReadonlyMap<string, ServerNode>, listings: ReadonlyMap<string, Listing>): number {
  let count = 0;
  for (const server of nodes.values()) {
    for (const definition of listings.get(server.id)?.tools ?? []) {
      const resource = server.toolResource(String(definition.name), isReadOnly(definition));
      if (can(actor, 'read', resource) && can(actor, 'call', resource)) count++;
    }
  }
  return count;
}

function listingsOf(serverIds: string[]): Map<string, Listing> {
  const tools = Array.from({ length: toolsOfServer }, (_, at) => ({
    name: `tool-${at}`,
    inputSchema: { type: 'object' },
    annotations: { readOnlyHint: at % 2 === 0 },
  }));
  const listing: Listing = {
    protocolVersion: '2025-11-25',
    serverInfo: { name: 'bench' },
    capabilities: { tools: {} },
    instructions: null,
    tools,
    resources: [],
    resourceTemplates: [],
    prompts: [],
    faults: [],
  };
  return new Map(serverIds.map((id) => [id, listing]));
}
