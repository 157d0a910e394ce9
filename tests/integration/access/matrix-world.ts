// What the matrix asks about: a database with somebody of every role, things of theirs, of their group and of others, and
// the worker that routes ask, with a real gateway behind its socket. Everything else of the worker answers without doing.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  apiKeys,
  endpointNames,
  groupMembers,
  groupServers,
  groups,
  roles,
  servers,
  tools,
  userRoles,
  users,
} from '../../../drizzle/schema';
import { bootstrapAccess } from '../../../lib/access';
import type { Scope } from '../../../lib/access/schema';
import { hashSecret, newKeySecret, shownPrefix } from '../../../lib/access/secrets';
import { parseEnv, socketPaths } from '../../../lib/env';
import { createBus } from '../../../lib/events/bus';
import { loadEndpoints } from '../../../lib/servers/catalog';
import { singleton } from '../../../lib/singleton';
import { type ControlDeps, createControl } from '../../../worker/control';
import { type DatabaseKind, openTestDatabase, silentLog, type TestDatabase } from '../../support/database';
import { startGateway, toolServer } from '../../support/gateway';
import { until } from '../../support/until';
import { actorRights, type Listed, permissionsOf } from './policy-table';

export const actors = Object.keys(actorRights);

export interface Asker {
  name: string;
  id: string;
  /** Of an API key. */
  secret: string;
  /** Name or id of the thing for each scope in which there is one. */
  things: Record<Listed, Partial<Record<Scope, string>>>;
}

export interface World {
  database: TestDatabase;
  askers: ReadonlyMap<string, Asker>;
  close(): Promise<void>;
}

/** Users enter a value of their own for each server. */
const credential = {
  kind: 'static' as const,
  per: 'user' as const,
  fields: [{ name: 'token', label: 'Token', env: 'TOKEN' }],
};

const isolation = 'user' as const;

export async function openWorld(kind: DatabaseKind): Promise<World> {
  const dataDir = mkdtempSync(join(tmpdir(), 'mcphub-matrix-'));
  const database = await openTestDatabase(kind);
  const { db } = database;
  (globalThis as { [name: symbol]: unknown })[Symbol.for('mcphub.singletons')] = new Map();
  singleton('env', () => parseEnv({ MCPHUB_DATA_DIR: dataDir, LOG_LEVEL: 'silent' }));
  singleton('web.database', () => Promise.resolve(database));
  singleton('web.bus', () => createBus(() => undefined));
  await bootstrapAccess({ db, env: {}, log: silentLog });
  const askers = await addAskers(database);
  const worker = await startWorker(database, dataDir);
  return {
    database,
    askers,
    async close() {
      await worker.close();
      await database.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

async function addAskers({ db }: TestDatabase): Promise<Map<string, Asker>> {
  const askers = new Map<string, Asker>();
  const insert = async <T>(rows: Promise<T[]>): Promise<T> => (await rows)[0] as T;
  const newGroup = async (name: string, createdBy: string | null) => {
    const group = await insert(db.insert(groups).values({ name, createdBy }).returning());
    await db.insert(endpointNames).values({ name, groupId: group.id });
    return group.id;
  };
  const newServer = async (name: string, createdBy: string | null, groupId: string) => {
    const values = { name, type: 'stdio' as const, command: 'true', createdBy, credential, isolation };
    const server = await insert(db.insert(servers).values(values).returning());
    await db.insert(endpointNames).values({ name, serverId: server.id });
    await db
      .insert(tools)
      .values({ serverId: server.id, name: `t-${name}`, definition: {}, definitionHash: '', position: 0 });
    await db.insert(groupServers).values({ groupId, serverId: server.id });
    return name;
  };
  const newKey = async (userId: string) => {
    const secret = newKeySecret();
    const values = { userId, name: 'k', prefix: shownPrefix(secret), secretHash: hashSecret(secret) };
    const { id } = await insert(db.insert(apiKeys).values(values).returning());
    return { id, secret };
  };
  const stranger = await insert(db.insert(users).values({ username: 'stranger' }).returning());
  for (const name of ['all-own', 'all-group']) {
    await db.insert(roles).values({ name, permissions: permissionsOf(name) });
  }
  const roleIds = new Map((await db.select().from(roles)).map(({ name, id }) => [name, id]));
  for (const name of actors) {
    const { id } = await insert(db.insert(users).values({ username: name }).returning());
    const roleId = roleIds.get(name);
    if (roleId) await db.insert(userRoles).values({ userId: id, roleId });
    const [own, team, others] = ['own', 'team', 'others'].map((kind) => `${name}-${kind}`) as [string, string, string];
    const teamId = await newGroup(team, null);
    await db.insert(groupMembers).values({ groupId: teamId, userId: id });
    // Each group offers the server of its scope: being its member, not its owner, is what gives rights to that one.
    const server = {
      own: await newServer(serverOf(own), id, await newGroup(own, id)),
      group: await newServer(serverOf(team), null, teamId),
      all: await newServer(serverOf(others), null, await newGroup(others, null)),
    };
    await db.insert(roles).values({ name: `${name}-role`, permissions: [] });
    askers.set(name, {
      name,
      id,
      secret: (await newKey(id)).secret,
      things: {
        server,
        tool: { own: `t-${server.own}`, group: `t-${server.group}`, all: `t-${server.all}` },
        group: { own, group: team, all: others },
        key: { own: (await newKey(id)).id, all: (await newKey(stranger.id)).id },
        role: { all: `${name}-role` },
        user: { own: id, all: stranger.id },
      },
    });
  }
  return askers;
}

/** Name of the server that a group offers. */
export function serverOf(group: string): string {
  return `s-${group}`;
}

/** The real gateway decides what callers see and may call; tools answer at once. */
async function startWorker({ db }: TestDatabase, dataDir: string): Promise<{ close(): Promise<void> }> {
  const rows = await loadEndpoints(db);
  const limits = { searchesAtOnce: 1000, searchesPerSecond: 1000 };
  const hub = await startGateway({ ...rows, limits });
  for (const { id, name } of rows.servers) hub.supervisor.open(id, toolServer({ [`t-${name}`]: () => 'done' }));
  await until(() => hub.stored.size === rows.servers.length, 10_000);
  const startedAt = new Date().toISOString();
  const control = createControl({
    socketPath: socketPaths(dataDir).worker,
    gateway: hub.gateway,
    supervisor: { statuses: () => [], logs: async () => ({ lines: [], dropped: 0 }) },
    reports: { lifeOf: () => null },
    doctor: { test: async () => ({ state: 'passed', startedAt, ms: 0, stages: [] }) },
    desired: async () => ({}) as Awaited<ReturnType<ControlDeps['desired']>>,
    filled: async (server) => server,
    readDocument: async () => ({
      openapi: '3.1.0',
      title: '',
      version: '',
      description: '',
      baseUrl: null,
      schemes: [],
      operations: [],
      faults: [],
      warnings: [],
    }),
    credentials: { begin: async () => 'http://issuer.example/', finish: async () => '' },
    rotateSecrets: async () => ({ key: '', values: 0, closed: 0 }),
    consents: {
      read: async () => ({ ask: null, returnTo: '/' }),
      decide: async () => ({ returnTo: '/' }),
    } as unknown as NonNullable<ControlDeps['consents']>,
    deliver: async () => undefined,
    metrics: { values: async () => [] },
    log: silentLog,
    hub: () => ({ startedAt, version: '0', configFaults: [], configFile: null }),
  });
  await control.listen();
  return {
    async close() {
      await control.close();
      await hub.close();
    },
  };
}
