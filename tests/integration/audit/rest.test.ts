// The audit trail over REST: every change leaves an entry, only those who may read it do, and nothing secret is in it.
import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { desc, eq } from 'drizzle-orm';
import { NextRequest } from 'next/server';
import { TOTP } from 'otpauth';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keyring } from '../../../app/_server/hub';
import { operations } from '../../../app/api/openapi.json/operations';
import { auditLogs, endpointNames, servers, userIdentities, users } from '../../../drizzle/schema';
import {
  type Ctx,
  confirmSecondFactor,
  createInvite,
  createKey,
  createResetLink,
  createRole,
  createSignInRule,
  createUser,
  giveGrant,
  issueSetupToken,
  requireSecretsRotation,
  signInWithCode,
  signInWithPassword,
  signOutOf,
  startSecondFactor,
} from '../../../lib/access';
import { hashPassword } from '../../../lib/access/passwords';
import { createRefusalBound } from '../../../lib/access/refusals';
import { canonicalJson } from '../../../lib/canonical-json';
import { listServerConnections, setConnection } from '../../../lib/credentials';
import { parseEnv } from '../../../lib/env';
import { setLimit } from '../../../lib/limits';
import type { DocumentReading } from '../../../lib/openapi/schema';
import { casesToRun, createCase, storeRun } from '../../../lib/quality';
import {
  createGroup,
  createServer,
  refreshServerDocument,
  setToolOverlay,
  stopServer,
  updateServer,
} from '../../../lib/servers';
import { definitionHash, storeCatalog } from '../../../lib/servers/catalog';
import { rotateSecrets } from '../../../lib/servers/resealing';
import { singleton } from '../../../lib/singleton';
import { verifyChain } from '../../../lib/telemetry';
import { writeAudit } from '../../../lib/telemetry/audit';
import { root as repository } from '../../../scripts/prepare.mjs';
import { eachDatabase } from '../../support/database';
import { signedInBrowser } from '../../support/signed-in';
import { accessFixture } from '../access/fixture';

const origin = 'http://127.0.0.1:3000';
const address = '192.0.2.7';
const password = 'correct horse battery';
const passwordHash = hashPassword(password);

interface Asked {
  method?: string;
  headers?: Record<string, string>;
  body?: unknown;
  params?: Record<string, string>;
  /** With the question mark. */
  query?: string;
}

type Handler = (request: NextRequest, context: { params: Promise<Record<string, string>> }) => Promise<Response>;

/** The handler of an operation of the OpenAPI document, which lists exactly the routes that exist. */
async function handlerOf(path: string, method: string): Promise<Handler> {
  const file = join(repository, 'app', path.replace(/\{(\w+)\}/g, '[$1]'), 'route.ts');
  return (await import(/* @vite-ignore */ file))[method];
}

const limit = { subject: 'key' as const, target: '*', perMinute: 100 };
const stdio = (name: string, more: object = {}) => ({ name, type: 'stdio' as const, command: 'true', ...more });

interface Scenario {
  /** What it must leave; null: nothing, for the reason given. */
  action: string | null;
  because?: string;
  prepare?: (root: Ctx) => Promise<Partial<Asked>>;
  asked?: Asked;
  asBrowser?: boolean;
  /** In place of the route, where that asks the worker first. */
  verb?: (ctx: Ctx) => Promise<unknown>;
}

const gift = {
  clientId: 'c',
  clientName: 'Client',
  resource: `${origin}/api/mcp`,
  scopes: ['mcp:read'],
  redirectUri: 'http://127.0.0.1/cb',
};
const existing = async (root: Ctx) => {
  await createServer(root, stdio('there'));
  return { params: { name: 'there' } };
};
/** To a server at which each user has own keys. */
const connected = async (root: Ctx) => {
  const fields = [{ name: 'key', label: 'Key', header: 'X-Key' }];
  const remote = { type: 'streamable-http' as const, url: 'https://mcp.example/mcp' };
  await createServer(root, { ...remote, name: 'there', credential: { kind: 'static', per: 'user', fields } });
  await setConnection(root, 'there', { values: { key: 'a-planted-value' } });
  return { params: { name: 'there' } };
};
const existingGroup = async (root: Ctx) => {
  await createGroup(root, { name: 'team' });
  return { params: { name: 'team' } };
};

/** A server that has listed a tool. */
const withTool = async (root: Ctx) => {
  const { id } = await createServer(root, stdio('there'));
  const listing = { protocolVersion: '', serverInfo: { name: 'x' }, capabilities: {}, instructions: null };
  const lists = { resources: [], resourceTemplates: [], prompts: [], faults: [] };
  const tool = { name: 'a', inputSchema: { type: 'object' } };
  await storeCatalog(root.db, id, { ...listing, ...lists, tools: [tool] });
  return { params: { name: 'there', tool: 'a' }, tool };
};
const groupWithTool = async (root: Ctx) => {
  await withTool(root);
  await createGroup(root, { name: 'team', servers: [{ server: 'there', tools: 'all' }] });
  return { params: { name: 'team', server: 'there', tool: 'a' } };
};
const existingRole = async (root: Ctx) => {
  await createRole(root, { name: 'reader', permissions: [] });
  return { params: { name: 'reader' } };
};
const searchCase = { query: 'rename a document', expected: ['files/move_file'] };
const existingCase = async (root: Ctx) => ({ params: { id: (await createCase(root, searchCase)).id } });
const signInRule = { claim: 'team', value: 'a', roles: ['user'] };
const existingRule = async (root: Ctx) => ({ params: { id: (await createSignInRule(root, signInRule)).id } });
/** A user with a session. */
const otherUser = async (root: Ctx) => {
  const { user } = await createUser(root, { username: 'other' });
  const { sessionId } = await signedInBrowser(root.db, keyring(), user.id);
  return { params: { id: user.id, session: sessionId } };
};
const factorOf = async (root: Ctx) => (await startSecondFactor(root, { password }, { keyring: keyring() })).secret;
const codeOf = (secret: string) => new TOTP({ secret }).generate();

const scenarios: Record<string, Scenario> = {
  'POST /api/v1/servers': { action: 'server.created', asked: { body: stdio('made') } },
  'PATCH /api/v1/servers/{name}': {
    action: 'server.updated',
    prepare: existing,
    asked: { body: { description: 'other' } },
  },
  'DELETE /api/v1/servers/{name}': { action: 'server.deleted', prepare: existing },
  'POST /api/v1/servers/{name}/start': { action: 'server.started', prepare: existing },
  'POST /api/v1/servers/{name}/stop': { action: 'server.stopped', prepare: existing },
  'POST /api/v1/servers/{name}/restart': { action: 'server.restarted', prepare: existing },
  'POST /api/v1/servers/{name}/tools/approve': {
    action: 'server.tools-approved',
    prepare: async (root) => {
      const { params, tool } = await withTool(root);
      return { params, body: { tools: [{ name: 'a', definitionHash: definitionHash(tool) }] } };
    },
  },
  'PUT /api/v1/servers/{name}/tools/{tool}/overlay': {
    action: 'tool.curated',
    prepare: withTool,
    asked: { body: { name: 'b' } },
  },
  'DELETE /api/v1/servers/{name}/tools/{tool}/overlay': {
    action: 'tool.restored',
    prepare: async (root) => {
      const asked = await withTool(root);
      await setToolOverlay(root, { server: 'there', tool: 'a' }, { name: 'b' });
      return asked;
    },
  },
  'PUT /api/v1/groups/{name}/servers/{server}/tools/{tool}/overlay': {
    action: 'tool.curated',
    prepare: groupWithTool,
    asked: { body: { name: 'b' } },
  },
  'DELETE /api/v1/groups/{name}/servers/{server}/tools/{tool}/overlay': {
    action: 'tool.restored',
    prepare: async (root) => {
      const asked = await groupWithTool(root);
      await setToolOverlay(root, { group: 'team', server: 'there', tool: 'a' }, { name: 'b' });
      return asked;
    },
  },
  'DELETE /api/v1/servers/{name}/connections/{id}': {
    action: 'credential.deleted',
    prepare: async (root) => {
      const { params } = await connected(root);
      const [row] = await listServerConnections(root, params.name);
      return { params: { ...params, id: row?.id ?? '' } };
    },
  },
  'PUT /api/v1/connections/{name}': {
    action: 'credential.stored',
    prepare: connected,
    asked: { body: { values: { key: 'another-value' } } },
  },
  'POST /api/v1/connections/{name}/begin': {
    action: null,
    because: 'what is recorded is the sign-in itself, when it ends',
  },
  'DELETE /api/v1/connections/{name}': { action: 'credential.deleted', prepare: connected },
  'POST /api/v1/servers/{name}/test': { action: 'server.tested', prepare: existing },
  'POST /api/v1/tests': { action: 'server.tested', asked: { body: stdio('tried') } },
  'POST /api/v1/openapi': { action: null, because: 'it shows what a document offers and writes nothing' },
  'POST /api/v1/servers/{name}/document/refresh': {
    action: 'server.document-refreshed',
    prepare: async ({ db }) => {
      const openapi = { documentUrl: 'https://api.example/openapi.json' };
      const [row] = await db.insert(servers).values({ name: 'there', type: 'openapi', openapi }).returning();
      await db.insert(endpointNames).values({ name: 'there', serverId: row?.id ?? null });
      return {};
    },
    verb: (ctx) =>
      refreshServerDocument(
        ctx,
        'there',
        async () => ({ document: '{}', operations: [] }) as unknown as DocumentReading,
      ),
  },
  'POST /api/v1/groups': { action: 'group.created', asked: { body: { name: 'team' } } },
  'PATCH /api/v1/groups/{name}': {
    action: 'group.updated',
    prepare: existingGroup,
    asked: { body: { description: 'other' } },
  },
  'DELETE /api/v1/groups/{name}': { action: 'group.deleted', prepare: existingGroup },
  'POST /api/v1/tools/search': { action: null, because: 'a search changes nothing' },
  'POST /api/v1/tools/cases': { action: 'search-case.created', asked: { body: searchCase } },
  'PATCH /api/v1/tools/cases/{id}': {
    action: 'search-case.updated',
    prepare: existingCase,
    asked: { body: { note: 'other' } },
  },
  'DELETE /api/v1/tools/cases/{id}': { action: 'search-case.deleted', prepare: existingCase },
  'POST /api/v1/tools/cases/import': {
    action: 'search-case.imported',
    asked: { body: { text: JSON.stringify(searchCase) } },
  },
  'POST /api/v1/tools/runs': {
    action: 'search.measured',
    prepare: existingCase,
    verb: async (ctx) => {
      const engine = { version: '1', mode: 'lexical', model: null, embedded: 0, tools: 1, catalog: 'x' };
      return storeRun(ctx, await casesToRun(ctx), { engine, results: [] }, 1);
    },
  },
  'POST /api/v1/tools/call': { action: null, because: 'a tool call is recorded in the call log' },
  'POST /api/v1/import': {
    action: 'server.created',
    asked: { body: { text: '{"mcpServers":{"pasted":{"command":"true"}}}' } },
  },
  'POST /api/v1/roles': { action: 'role.created', asked: { body: { name: 'reader', permissions: [] } } },
  'PATCH /api/v1/roles/{name}': {
    action: 'role.updated',
    prepare: existingRole,
    asked: { body: { description: 'other' } },
  },
  'DELETE /api/v1/roles/{name}': { action: 'role.deleted', prepare: existingRole },
  'POST /api/v1/roles/{name}/duplicate': {
    action: 'role.created',
    prepare: existingRole,
    asked: { body: { name: 'copy' } },
  },
  'PATCH /api/v1/settings/tool-list': { action: 'setting.changed', asked: { body: { mode: 'auto' } } },
  'PATCH /api/v1/settings/sign-in': { action: 'setting.changed', asked: { body: { newAccounts: 'always' } } },
  'POST /api/v1/sign-in-rules': { action: 'sign-in-rule.created', asked: { body: signInRule } },
  'PATCH /api/v1/sign-in-rules/{id}': {
    action: 'sign-in-rule.updated',
    prepare: existingRule,
    asked: { body: { value: 'b' } },
  },
  'DELETE /api/v1/sign-in-rules/{id}': { action: 'sign-in-rule.deleted', prepare: existingRule },
  'POST /api/v1/sign-in-rules/try': { action: null, because: 'it changes nothing' },
  'POST /api/v1/me/identities/link': { action: null, because: 'the link itself is an entry' },
  'POST /api/v1/me/identities/{id}/remove': {
    action: 'user.identity-unlinked',
    asBrowser: true,
    prepare: async (root) => {
      const identity = { provider: 'oidc', issuer: 'https://idp.test', subject: 's', userId: root.actor.id };
      const [row] = await root.db.insert(userIdentities).values(identity).returning();
      return { params: { id: row?.id ?? '' }, body: { password } };
    },
  },
  'POST /api/v1/keys': { action: 'key.created', asked: { body: { name: 'another' } } },
  'DELETE /api/v1/keys/{id}': {
    action: 'key.revoked',
    prepare: async (root) => ({ params: { id: (await createKey(root, { name: 'old' })).key.id } }),
  },
  'POST /api/v1/keys/{id}/rotate': {
    action: 'key.rotated',
    prepare: async (root) => ({ params: { id: (await createKey(root, { name: 'old' })).key.id } }),
    asked: { body: { overlapHours: 1 } },
  },
  'PUT /api/v1/limits': { action: 'limit.set', asked: { body: limit } },
  'DELETE /api/v1/limits': {
    action: 'limit.removed',
    prepare: async (root) => {
      await setLimit(root, limit);
      return { query: '?subject=key&target=*' };
    },
  },
  'POST /api/v1/me/password': {
    action: 'user.password-changed',
    asBrowser: true,
    asked: { body: { currentPassword: password, newPassword: 'another long password' } },
  },
  'POST /api/v1/users': { action: 'user.created', asked: { body: { username: 'new' } } },
  'PATCH /api/v1/users/{id}': { action: 'user.disabled', prepare: otherUser, asked: { body: { disabled: true } } },
  'DELETE /api/v1/users/{id}': { action: 'user.deleted', prepare: otherUser },
  'DELETE /api/v1/users/{id}/sessions': { action: 'session.revoked', prepare: otherUser },
  'DELETE /api/v1/users/{id}/sessions/{session}': { action: 'session.revoked', prepare: otherUser },
  'POST /api/v1/users/{id}/reset-link': { action: 'user.reset-link-made', prepare: otherUser },
  'DELETE /api/v1/users/{id}/second-factor': {
    action: 'user.second-factor-removed',
    prepare: async (root) => {
      const { params } = await otherUser(root);
      await root.db.update(users).set({ totpSecret: 'x', totpConfirmedAt: new Date() }).where(eq(users.id, params.id));
      return { params };
    },
  },
  'POST /api/v1/invites': { action: 'invite.created', asked: { body: { note: 'for Ada' } } },
  'DELETE /api/v1/invites/{id}': {
    action: 'invite.revoked',
    prepare: async (root) => ({ params: { id: (await createInvite(root, {})).invite.id } }),
  },
  'POST /api/v1/invites/accept': {
    action: 'invite.accepted',
    prepare: async (root) => ({
      body: { token: (await createInvite(root, {})).link.token, username: 'joined', password },
      headers: { authorization: '' },
    }),
  },
  'POST /api/v1/password-reset': {
    action: 'user.password-reset',
    prepare: async (root) => {
      const { params } = await otherUser(root);
      const { token } = await createResetLink(root, params.id);
      return { body: { token, newPassword: 'another long password' }, headers: { authorization: '' } };
    },
  },
  'DELETE /api/v1/me/sessions': {
    action: 'session.revoked',
    asBrowser: true,
    prepare: async (root) => {
      await signedInBrowser(root.db, keyring(), root.actor.id);
      return {};
    },
  },
  'DELETE /api/v1/me/sessions/{id}': {
    action: 'session.revoked',
    asBrowser: true,
    prepare: async (root) => ({
      params: { id: (await signedInBrowser(root.db, keyring(), root.actor.id)).sessionId },
    }),
  },
  'POST /api/v1/me/second-factor': {
    action: 'user.second-factor-started',
    asBrowser: true,
    asked: { body: { password } },
  },
  'POST /api/v1/me/second-factor/confirm': {
    action: 'user.second-factor-added',
    asBrowser: true,
    prepare: async (root) => ({ body: { code: codeOf(await factorOf(root)) } }),
  },
  'POST /api/v1/me/second-factor/remove': {
    action: 'user.second-factor-removed',
    asBrowser: true,
    prepare: async (root) => {
      await confirmSecondFactor(root, { code: codeOf(await factorOf(root)) }, { keyring: keyring() });
      return { body: { password } };
    },
  },
  'POST /api/v1/me/second-factor/recovery-codes': {
    action: 'user.recovery-codes-renewed',
    asBrowser: true,
    prepare: async (root) => {
      await confirmSecondFactor(root, { code: codeOf(await factorOf(root)) }, { keyring: keyring() });
      return { body: { password } };
    },
  },
  'DELETE /api/v1/grants/{id}': {
    action: 'grant.revoked',
    prepare: async (root) => ({ params: { id: await giveGrant(root, gift) } }),
  },
  'POST /api/v1/settings/secrets/rotate': {
    action: 'secrets.rotated',
    verb: (ctx) => rotateSecrets(ctx.db, keyring(), requireSecretsRotation(ctx)),
  },
  'POST /api/v1/setup': {
    action: 'user.created',
    prepare: async ({ db }) => {
      await db.delete(users);
      return {
        body: { token: await issueSetupToken(db), username: 'first', password },
        headers: { authorization: '' },
      };
    },
  },
};

/** What each action of a page calls; those verbs are tried above, and sign-in and sign-out below. */
const actionVerbs: Record<string, string | null> = {
  signInAction: 'user.signed-in',
  signInCodeAction: 'user.signed-in',
  setUpAction: 'user.created',
  signOutAction: 'user.signed-out',
  finishSignInAction: 'credential.stored',
  decideConsentAction: 'grant.created',
  createGroupAction: 'group.created',
  updateGroupAction: 'group.updated',
  deleteGroupAction: 'group.deleted',
  createRoleAction: 'role.created',
  duplicateRoleAction: 'role.created',
  updateRoleAction: 'role.updated',
  deleteRoleAction: 'role.deleted',
  createKeyAction: 'key.created',
  revokeKeyAction: 'key.revoked',
  rotateKeyAction: 'key.rotated',
  setLimitAction: 'limit.set',
  removeLimitAction: 'limit.removed',
  operateServerAction: 'server.started',
  approveToolsAction: 'server.tools-approved',
  setOverlayAction: 'tool.curated',
  setGroupOverlayAction: 'tool.curated',
  createServerAction: 'server.created',
  updateServerAction: 'server.updated',
  deleteServerAction: 'server.deleted',
  planImportAction: null, // writes nothing
  applyImportAction: 'server.created',
};

it('every REST operation that changes something, and every action of a page, has been thought of', () => {
  const changing = Object.entries(operations).flatMap(([path, methods]) =>
    Object.keys(methods)
      .filter((method) => method !== 'get')
      .map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(Object.keys(scenarios).sort()).toEqual(changing.sort());
  const actions = readdirSync(join(repository, 'app'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('actions.ts'))
    .flatMap((file) => [
      ...readFileSync(join(repository, 'app', file), 'utf8').matchAll(/^export const (\w+) = defineAction/gm),
    ])
    .map(([, name]) => name);
  expect(Object.keys(actionVerbs).sort()).toEqual(actions.sort());
});

it('refusals are written in a burst, then one at a time, and tell how many were not', () => {
  let now = 0;
  const bound = createRefusalBound(() => now);
  const admitted = Array.from({ length: 1_000 }, () => bound.admit()).filter((each) => each !== null);
  expect(admitted).toEqual(Array(50).fill(0));
  now += 30_000;
  expect([bound.admit(), bound.admit()]).toEqual([950, null]);
  now += 86_400_000;
  expect(Array.from({ length: 1_000 }, () => bound.admit()).filter((each) => each !== null)).toHaveLength(50);
});

eachDatabase('the audit trail', (kind) => {
  const fixture = accessFixture(kind);
  let dataDir: string;
  let root: Ctx;
  let secret: string;

  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'mcphub-audit-'));
    (globalThis as { [name: symbol]: unknown })[Symbol.for('mcphub.singletons')] = new Map();
    singleton('env', () => parseEnv({ MCPHUB_DATA_DIR: dataDir, LOG_LEVEL: 'silent' }));
    singleton('web.database', () => Promise.resolve(fixture.database));
    singleton('web.bus', () => fixture.bus);
    root = await fixture.addUser('root', 'admin', { passwordHash: await passwordHash });
    ({ secret } = await createKey(root, { name: 'cli' }));
  });
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

  const newest = async () =>
    (await fixture.database.db.select().from(auditLogs).orderBy(desc(auditLogs.id)).limit(1))[0];

  async function ask(
    operation: string,
    { method, headers = {}, body, params = {}, query: ownQuery }: Asked = {},
    query = ownQuery ?? '',
  ) {
    const [verb = 'GET', path = ''] = operation.split(' ');
    const handler = await handlerOf(path, method ?? verb);
    const given = { host: '127.0.0.1:3000', authorization: `Bearer ${secret}`, 'x-forwarded-for': address, ...headers };
    const request = new NextRequest(
      `${origin}${path.replace(/\{(\w+)\}/g, (_whole, name) => params[name] ?? '')}${query}`,
      {
        method: verb,
        headers: {
          ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== '')),
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      },
    );
    return handler(request, { params: Promise.resolve(params) });
  }

  async function browserHeaders(ctx: Ctx) {
    const { cookie } = await signedInBrowser(fixture.database.db, keyring(), ctx.actor.id);
    return { authorization: '', origin, cookie };
  }

  describe('after', () => {
    const changing = Object.entries(scenarios).filter(([, { action }]) => action !== null);
    it.each(changing)(
      '%s there is an entry with who, from where and for which request',
      async (operation, scenario) => {
        const prepared = (await scenario.prepare?.(root)) ?? {};
        const requestId = randomUUID();
        // The answer may fail after the change: here is no worker, and no page whose cookie could be set.
        const headers = {
          ...(scenario.asBrowser && (await browserHeaders(root))),
          ...prepared.headers,
          'x-request-id': requestId,
        };
        await (scenario.verb?.({ ...root, requestId, address }) ??
          ask(operation, { ...scenario.asked, ...prepared, headers }));
        expect(await newest()).toMatchObject({ action: scenario.action, requestId, address, hash: expect.any(String) });
        expect(await verifyChain(fixture.database.db)).toMatchObject({ ok: true });
      },
    );
  });

  it('a sign-in, its failures, a lock-out and a sign-out are entries, and names that are no account are not', async () => {
    const { db } = fixture.database;
    const parts = { db, keyring: keyring(), requestId: 'r', address };
    await signInWithPassword(parts, { username: 'ROOT', password });
    expect(await newest()).toMatchObject({ action: 'user.signed-in', actor: 'root', resourceName: 'root', address });
    await expect(signInWithPassword(parts, { username: 'root', password: 'wrong-secret-1' })).rejects.toThrow();
    expect(await newest()).toMatchObject({
      action: 'user.sign-in-failed',
      actorKind: 'anonymous',
      resourceName: 'root',
      address,
      after: { reason: 'wrong password' },
    });
    const mistaken = 'my-password-in-the-wrong-field';
    await expect(signInWithPassword(parts, { username: mistaken, password: 'x' })).rejects.toThrow();
    expect(await newest()).toMatchObject({ action: 'user.sign-in-failed', resourceName: null });
    for (let i = 0; i < 4; i++) {
      await expect(signInWithPassword(parts, { username: 'root', password: 'wrong-secret-1' })).rejects.toThrow();
    }
    await expect(signInWithPassword(parts, { username: 'root', password })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
    expect(await newest()).toMatchObject({ action: 'user.locked-out', resourceName: 'root', address });
    await db.update(users).set({ failedSignIns: 0, lockedUntil: null });
    const secret = await factorOf(root);
    await confirmSecondFactor(root, { code: codeOf(secret) }, { keyring: keyring() });
    const { ticket } = await signInWithPassword(parts, { username: 'root', password });
    await expect(signInWithCode(parts, { ticket: ticket ?? '', code: '000 000' })).rejects.toThrow();
    expect(await newest()).toMatchObject({ action: 'user.code-refused', actorKind: 'anonymous', resourceName: 'root' });
    await signOutOf({ ...root, address });
    expect(await newest()).toMatchObject({ action: 'user.signed-out', actor: 'root', address });
    const all = JSON.stringify(await db.select().from(auditLogs));
    expect([mistaken, 'wrong-secret-1', password, secret].filter((each) => all.includes(each))).toEqual([]);
    expect(await verifyChain(db)).toMatchObject({ ok: true });
  });

  it('guessing at many names does not fill the table', async () => {
    const { db } = fixture.database;
    const guess = (index: number) =>
      signInWithPassword(
        { db, keyring: keyring(), requestId: 'r', address },
        { username: `name-${index}`, password: 'x' },
      ).catch(() => {});
    for (let i = 0; i < 60; i++) await guess(i);
    const rows = await db.select().from(auditLogs);
    expect(rows.filter(({ action }) => action === 'user.sign-in-failed')).toHaveLength(50);
  });

  describe('may be read', () => {
    const routes = ['/api/v1/audit', '/api/v1/audit/export', '/api/v1/audit/verify'];
    it.each([
      ['admin', 200],
      ['auditor', 200],
      ['manager', 403],
      ['user', 403],
    ])('by the role %s: %i', async (role, status) => {
      const ctx = await fixture.addUser(`a-${role}`, role);
      for (const path of routes) {
        const answer = await ask(`GET ${path}`, { headers: await browserHeaders(ctx) });
        expect([path, answer.status]).toEqual([path, status]);
        await answer.text();
      }
    });

    it('not by strangers, and not by a key with a scope', async () => {
      const scoped = await createKey(root, { name: 'scoped', scope: { servers: ['x'] } });
      for (const path of routes) {
        expect((await ask(`GET ${path}`, { headers: { authorization: '' } })).status).toBe(401);
        const headers = { authorization: `Bearer ${scoped.secret}` };
        expect((await ask(`GET ${path}`, { headers })).status).toBe(403);
      }
    });

    it('an auditor reads calls too, and changes nothing', async () => {
      const auditor = await fixture.addUser('eve', 'auditor');
      expect((await ask('GET /api/v1/calls', { headers: await browserHeaders(auditor) })).status).toBe(200);
      await expect(createServer(auditor, stdio('x'))).rejects.toMatchObject({ code: 'FORBIDDEN' });
      await expect(createGroup(auditor, { name: 'x' })).rejects.toMatchObject({ code: 'FORBIDDEN' });
      await expect(createKey(auditor, { name: 'x' })).rejects.toMatchObject({ code: 'FORBIDDEN' });
    });
  });

  const list = async (query: string) => (await ask('GET /api/v1/audit', {}, query)).json();

  it('is filtered by action, thing, person, time and text, and paged by cursors that nobody can alter', async () => {
    await createServer(root, stdio('one'));
    await createServer(root, stdio('two', { description: '100% of_it' }));
    await stopServer(root, 'one');
    await createGroup(root, { name: 'team' });
    const names = async (query: string) =>
      (await list(query)).data.map(
        (each: { action: string; resourceName: string }) => `${each.action} ${each.resourceName}`,
      );
    const all = [
      'group.created team',
      'server.stopped one',
      'server.created two',
      'server.created one',
      'key.created cli',
    ];
    expect(await names('')).toEqual(all);
    expect(await names('?action=server')).toEqual(all.slice(1, 4));
    expect(await names('?action=server.stopped')).toEqual(['server.stopped one']);
    expect(await names('?resource=group')).toEqual(['group.created team']);
    expect(await names('?resource=server/ONE')).toEqual(['server.stopped one', 'server.created one']);
    expect(await names('?actor=ROOT&resource=key')).toEqual(['key.created cli']);
    expect(await names('?actor=nobody')).toEqual([]);
    expect(await names(`?q=${encodeURIComponent('100% of_')}`)).toEqual(['server.created two']);
    expect(await names('?q=100_')).toEqual([]);
    expect(await names(`?from=${new Date(Date.now() + 60_000).toISOString()}`)).toEqual([]);
    expect(await names(`?to=${new Date(Date.now() + 60_000).toISOString()}`)).toEqual(all);
    const first = await list('?limit=2&resource=server');
    const next = await list(`?limit=2&resource=server&cursor=${first.nextCursor}`);
    expect([first.data.length, next.data.length, next.nextCursor]).toEqual([2, 1, null]);
    for (const bad of [
      '?cursor=x',
      `?cursor=${first.nextCursor}x`,
      '?limit=0',
      '?limit=201',
      '?from=yesterday',
      '?q=%00',
      '?unknown=1',
    ]) {
      expect([bad, (await ask('GET /api/v1/audit', {}, bad)).status]).toEqual([bad, 400]);
    }
  });

  it('is exported as NDJSON whose chain can be checked without the hub', async () => {
    await createServer(root, stdio('one', { env: { A: 'b' } }));
    await updateServer(root, 'one', { description: 'Übergröße 🦆' });
    const answer = await ask('GET /api/v1/audit/export');
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
    expect(answer.headers.get('content-disposition')).toMatch(/^attachment; filename="audit-.*\.ndjson"$/);
    const lines = (await answer.text()).trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    let before = '';
    for (const line of lines) {
      const { hash, ...entry } = JSON.parse(line);
      expect(
        createHash('sha256')
          .update(`${before}\n${canonicalJson(entry)}`)
          .digest('hex'),
      ).toBe(hash);
      before = hash;
    }
    const verdict = await (await ask('GET /api/v1/audit/verify')).json();
    expect(verdict).toMatchObject({ ok: true, rows: 3, head: before });
  });

  it('is exported as CSV in which nothing is a formula', async () => {
    await createKey({ ...root, requestId: '-1' }, { name: '=HYPERLINK("http://evil.example","x")' });
    const answer = await ask('GET /api/v1/audit/export', {}, '?format=csv&resource=key');
    expect(answer.headers.get('content-type')).toContain('text/csv');
    const text = await answer.text();
    expect(text.split('\r\n')).toHaveLength(4);
    expect(text).toContain(`"'=HYPERLINK(""http://evil.example"",""x"")"`);
    expect(text).toContain(",'-1,");
    expect(text).not.toMatch(/(^|,)"?[=+\-@]/m);
  });

  it('a long export comes in pieces, and what is written meanwhile is left out', async () => {
    await fixture.database.db.transaction(async (tx) => {
      for (let at = 0; at < 1_100; at++) {
        await writeAudit(tx, root, { action: 'thing.made', resourceType: 'thing', resourceName: `s${at}` });
      }
    });
    const answer = await ask('GET /api/v1/audit/export');
    await createGroup(root, { name: 'later' });
    const lines = (await answer.text()).trimEnd().split('\n');
    expect(lines).toHaveLength(1_101);
    expect(lines.at(-1)).toContain('"s1099"');
    expect(await verifyChain(fixture.database.db)).toMatchObject({ ok: true, rows: 1_102 });
  });

  it('tells the first entry that does not fit', async () => {
    await createServer(root, stdio('one'));
    await fixture.database.db.execute(`update audit_logs set actor = 'eve' where id = 1`);
    expect(await (await ask('GET /api/v1/audit/verify')).json()).toMatchObject({
      ok: false,
      rows: 0,
      broken: { id: '1', reason: 'altered' },
    });
  });

  it('holds no secret, wherever it was planted [T-SECRET-01]', async () => {
    const planted = [
      'planted-env-1',
      'planted-header-2',
      'planted-secret-3',
      'planted-env-4',
      'planted-in-url-5',
      'planted-pass-6',
    ];
    const [env, header, value, changed, inUrl, newPassword] = planted;
    await ask('POST /api/v1/servers', { body: stdio('a', { env: { X: env }, secrets: { NAME: value } }) });
    await ask('POST /api/v1/servers', {
      body: {
        name: 'b',
        type: 'streamable-http',
        url: `https://example.com/?api_key=${inUrl}`,
        headers: { 'X-Plain': header },
      },
    });
    await ask('PATCH /api/v1/servers/{name}', { params: { name: 'a' }, body: { env: { X: changed } } });
    await ask('POST /api/v1/tests', { body: stdio('c', { env: { X: env } }) });
    await ask('POST /api/v1/me/password', {
      headers: await browserHeaders(root),
      body: { currentPassword: password, newPassword: `${newPassword} long enough` },
    });
    const settings = { document: `{"padding":"${'x'.repeat(100_000)}"}` };
    await ask('POST /api/v1/tests', { body: { name: 'd', type: 'openapi', openapi: settings } });
    const rows = await fixture.database.db.select().from(auditLogs);
    expect(rows.length).toBeGreaterThanOrEqual(6);
    expect(Math.max(...rows.map((row) => JSON.stringify(row).length))).toBeLessThan(70_000);
    const text = JSON.stringify(rows);
    expect([...planted, secret, password].filter((each) => each && text.includes(each))).toEqual([]);
    const update = rows.find(({ action }) => action === 'server.updated');
    expect(update).toMatchObject({ before: { env: { X: '***' } }, after: { env: { X: '*** (changed)' } } });
  });
});
