// What else there has to be before a way in can be asked about a thing: made anew for each ask, so that it is there
// although another one took it away, and the same for all of them.
import { randomUUID } from 'node:crypto';
import { eq } from 'drizzle-orm';
import {
  apiKeys,
  invites,
  oauthRecords,
  roles,
  searchCases,
  searchRuns,
  servers,
  signInRules,
  upstreamCredentials,
  upstreamSignIns,
  userIdentities,
} from '../../../drizzle/schema';
import { beginBrowserSession } from '../../../lib/access/browser-sessions';
import { hashSecret } from '../../../lib/access/secrets';
import type { Db } from '../../../lib/db/types';
import { type Asker, serverOf } from './matrix-world';

/** @returns more for the path, the query and the input, by name */
type Prepare = (db: Db, asker: Asker, name: string, body?: Record<string, unknown>) => Promise<Record<string, string>>;

const inAnHour = () => new Date(Date.now() + 3_600_000);
const visit = { method: 'password' as const, address: 'unknown', userAgent: null };

async function idOf(rows: Promise<{ id: string }[]>): Promise<{ id: string }> {
  return { id: (await rows)[0]?.id ?? '' };
}

async function serverIdOf(db: Db, name: string): Promise<string> {
  return (await db.select().from(servers).where(eq(servers.name, name)))[0]?.id ?? '';
}

async function newSession(db: Db, userId: string): Promise<string> {
  return (await beginBrowserSession(db, { userId, sessionVersion: 1 }, visit)).id;
}

const newRule: Prepare = async (db) => {
  const roleIds = (await db.select().from(roles).where(eq(roles.name, 'user'))).map(({ id }) => id);
  const values = { provider: '*' as const, claim: 'team', value: 'a', roleIds, groupIds: [] };
  return idOf(db.insert(signInRules).values(values).returning());
};

const newCase: Prepare = (db) =>
  idOf(
    db
      .insert(searchCases)
      .values({ query: randomUUID(), hash: randomUUID(), expected: ['a/b'] })
      .returning(),
  );

const ofGroup: Prepare = async (_db, _asker, group) => ({ server: serverOf(group), tool: `t-${serverOf(group)}` });

/** A sign-in of the asker's own at the server, begun and not ended. */
const newSignIn: Prepare = async (db, asker, name) => {
  const state = randomUUID();
  await db.insert(upstreamSignIns).values({
    stateHash: hashSecret(state),
    serverId: await serverIdOf(db, name),
    startedBy: asker.id,
    userId: asker.id,
    issuer: 'http://issuer.example',
    clientId: 'c',
    redirectUri: 'http://127.0.0.1:3000/connections/callback',
    resource: 'http://server.example/',
    values: {},
    expiresAt: inAnHour(),
  });
  return { state };
};

/** One more of the same owner. */
const newKey: Prepare = async (db, _asker, id) => {
  const [of] = await db.select().from(apiKeys).where(eq(apiKeys.id, id));
  const values = { userId: of?.userId ?? '', name: 'k', prefix: '', secretHash: randomUUID() };
  return idOf(db.insert(apiKeys).values(values).returning());
};

const byField = {
  kind: 'static' as const,
  per: 'user' as const,
  fields: [{ name: 'token', label: 'Token', env: 'TOKEN' }],
};

/** By path, name of the action, or folder of the page. */
const prepares: Record<string, Prepare> = {
  '/api/v1/invites/{id}': (db) =>
    idOf(db.insert(invites).values({ tokenHash: randomUUID(), expiresAt: inAnHour() }).returning()),
  '/api/v1/sign-in-rules/{id}': newRule,
  '/api/v1/tools/cases/{id}': newCase,
  '/api/v1/tools/runs/{id}': (db) =>
    idOf(
      db
        .insert(searchRuns)
        .values({
          tookMs: 1,
          actor: 'x',
          engine: { version: '0', mode: 'lexical', model: null, embedded: 0, tools: 0, catalog: '' },
          fingerprint: '',
          figures: {},
          results: [],
        })
        .returning(),
    ),
  '/api/v1/tools/runs': newCase,
  '/api/v1/keys/{id}': newKey,
  '/api/v1/keys/{id}/rotate': newKey,
  revokeKeyAction: newKey,
  rotateKeyAction: newKey,
  '/api/v1/grants/{id}': async (db, _asker, userId) => {
    const id = randomUUID();
    const payload = { accountId: userId, clientName: 'c', clientId: 'c', resources: {} };
    const key = { model: 'Grant', idHash: hashSecret(id), grantId: id };
    await db.insert(oauthRecords).values({ ...key, payload, userId, expiresAt: inAnHour() });
    return { id };
  },
  '/api/v1/groups/{name}/servers/{server}/tools/{tool}/overlay': ofGroup,
  setGroupOverlayAction: ofGroup,
  '/api/v1/servers/{name}/connections/{id}': async (db, _asker, name) => {
    await db.delete(upstreamCredentials);
    const values = { serverId: await serverIdOf(db, name), userId: null, kind: 'static' as const, values: {} };
    return idOf(db.insert(upstreamCredentials).values(values).returning());
  },
  '/api/v1/connections/{name}/begin': async (db, _asker, name, body) => {
    const credential = { kind: 'oauth' as const, per: body?.for as 'hub' | 'user' };
    await db.update(servers).set({ credential }).where(eq(servers.name, name));
    return {};
  },
  '/api/v1/connections/{name}': async (db, { id: userId }, name) => {
    await db.update(servers).set({ credential: byField }).where(eq(servers.name, name));
    await db.delete(upstreamCredentials);
    const values = { serverId: await serverIdOf(db, name), userId, kind: 'static' as const, values: {} };
    return { credential: (await idOf(db.insert(upstreamCredentials).values(values).returning())).id };
  },
  finishSignInAction: newSignIn,
  '(auth)/connections/callback': newSignIn,
  '/api/v1/me/identities/{id}/remove': async (db, { id: userId }) => {
    await db.delete(userIdentities);
    const values = { userId, provider: 'github' as const, issuer: 'https://github.com', subject: '1' };
    return idOf(db.insert(userIdentities).values(values).returning());
  },
  '/api/v1/me/sessions/{id}': async (db, { id }) => ({ id: await newSession(db, id) }),
  '/api/v1/users/{id}/sessions/{session}': async (db, _asker, userId) => ({ session: await newSession(db, userId) }),
};

/** Segments of the path, and what else the input names. */
export async function prepare(
  db: Db,
  way: string,
  asker: Asker | undefined,
  name: string,
  body?: object,
): Promise<Record<string, string> & { name: string; id: string }> {
  const made = asker ? await prepares[way]?.(db, asker, name, body as Record<string, unknown>) : {};
  return { name, id: name, session: name, server: name, tool: `t-${name}`, state: name, ...made };
}
