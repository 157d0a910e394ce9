// Who may do what, written down once more for the tests: every way into the hub with the right that it takes. A route,
// action, page, room or MCP method that is not here fails tests/unit/policy.test.ts; what is here is asked for real in
// matrix.test.ts.
import { type Action, grantable, type Permission, type ResourceType, type Scope } from '../../../lib/access/schema';

export type Right = [ResourceType, Action];

/**
 * What an allowed request is answered with, where it is not what the OpenAPI document names, or for an action success:
 * a 4xx says that the right was there, and that then something else of the request stood in the way.
 */
interface Told {
  answer?: number;
}

/** What a way in takes. */
export type Way = Told &
  (
    | /** Everybody, without a credential too; `answer` is what all of them get. */ {
        kind: 'open';
        because: string;
        body?: object;
      }
    /**
     * Whoever has an account. `browser`: keys are refused; it is for the user, who may change the own account, in a
     * browser alone.
     */
    | { kind: 'account'; browser?: true; body?: object }
    /** The right to some thing of the type, whichever; else 403, or 404 for pages. */
    | {
        kind: 'some';
        right: Right;
        scope?: Scope;
        body?: object | ((actor: string) => object);
        query?: string;
        hidden?: boolean;
      }
    /**
     * A list of all to which the actor has these rights, by default to read; others see an empty one. `names`: how the
     * things are found in an entry; by default by their name.
     */
    | {
        kind: 'list';
        of: Listed;
        rights?: Right[];
        body?: (actor: string) => object;
        query?: string;
        names?: (entry: never) => string;
      }
    /**
     * One thing: 404 for who may not read it, 403 for who may read but not do this. `within`: for who may, 404 without
     * these, which are about something in it. `only`: whatever the rights, not others; `not`: not these. `all`: it takes
     * the right over all. `self`: it takes the right to change the own account, too. `hidden`: 404 in place of 403.
     * `absent`: the answer in place of 404. `inside`: the refusal is a JSON-RPC error in an answer of 200.
     */
    | {
        kind: 'one';
        of: Listed;
        action: Action;
        also?: Right[];
        within?: Right[];
        body?: object | ((name: string) => object);
        only?: Scope;
        not?: Scope;
        all?: boolean;
        self?: boolean;
        hidden?: boolean;
        absent?: number;
        inside?: boolean;
      }
  );

/** Things of which each actor finds an own one, one of the own group, and one of others. */
export type Listed = 'server' | 'group' | 'tool' | 'key' | 'role' | 'user';

const one = (of: Listed, action: Action, more: Partial<Extract<Way, { kind: 'one' }>> = {}): Way => ({
  kind: 'one',
  of,
  action,
  ...more,
});
const stdio = (name: string) => ({ name, type: 'stdio', command: 'true', enabled: false });
const forBrowsers = { kind: 'account', browser: true } as const;
const inGroup: Right[] = [
  ['server', 'read'],
  ['tool', 'read'],
];
const toCall: Right[] = [
  ['server', 'read'],
  ['tool', 'read'],
  ['tool', 'call'],
];

/** Several ways where the body decides which right it takes. */
export const routes: Record<string, Way | Way[]> = {
  'GET /api/v1/servers': { kind: 'list', of: 'server', query: '?limit=200' },
  'POST /api/v1/servers': { kind: 'some', right: ['server', 'create'], body: (actor) => stdio(`made-${actor}`) },
  'GET /api/v1/servers/{name}': one('server', 'read'),
  'PATCH /api/v1/servers/{name}': one('server', 'update', { body: { description: 'x' } }),
  'DELETE /api/v1/servers/{name}': one('server', 'delete'),
  'POST /api/v1/servers/{name}/start': one('server', 'operate'),
  'POST /api/v1/servers/{name}/stop': one('server', 'operate'),
  'POST /api/v1/servers/{name}/restart': one('server', 'operate'),
  'GET /api/v1/servers/{name}/tools': one('server', 'read'),
  'POST /api/v1/servers/{name}/tools/approve': one('server', 'update', {
    body: { tools: [{ name: 'none', definitionHash: 'a'.repeat(64) }] },
    answer: 409, // There is no such tool.
  }),
  'GET /api/v1/servers/{name}/tools/{tool}/overlay': one('server', 'update'),
  'PUT /api/v1/servers/{name}/tools/{tool}/overlay': one('server', 'update', { body: { description: 'x' } }),
  'DELETE /api/v1/servers/{name}/tools/{tool}/overlay': one('server', 'update'),
  'GET /api/v1/servers/{name}/logs': one('server', 'read', { also: [['log', 'read']] }),
  'GET /api/v1/servers/{name}/instances': one('server', 'read'),
  'GET /api/v1/servers/{name}/report': one('server', 'read'),
  'POST /api/v1/servers/{name}/test': one('server', 'operate', { also: [['log', 'read']] }),
  // These servers are not made of a document.
  'GET /api/v1/servers/{name}/document': one('server', 'update', { answer: 409 }),
  'POST /api/v1/servers/{name}/document/refresh': one('server', 'update', { answer: 409 }),
  'GET /api/v1/servers/{name}/connections': one('server', 'update'),
  'DELETE /api/v1/servers/{name}/connections/{id}': one('server', 'update'),
  'POST /api/v1/connections/{name}/begin': [
    one('server', 'update', { self: true, body: { for: 'hub' } }),
    one('server', 'read', { self: true, body: { for: 'user' } }),
  ],
  'GET /api/v1/connections': { kind: 'list', of: 'server', names: ({ server }: { server: string }) => server },
  'GET /api/v1/connections/{name}': one('server', 'read'),
  'PUT /api/v1/connections/{name}': one('server', 'read', { self: true, body: { values: { token: 'x' } } }),
  'DELETE /api/v1/connections/{name}': one('server', 'read', { self: true }),
  'POST /api/v1/tests': { kind: 'some', right: ['server', 'create'], body: stdio('tried') },
  'POST /api/v1/openapi': { kind: 'some', right: ['server', 'create'], body: { document: '{}' } },
  'POST /api/v1/import': {
    kind: 'some',
    right: ['server', 'create'],
    body: { text: '{"mcpServers":{"pasted":{"command":"true"}}}', dryRun: true },
  },
  'GET /api/v1/groups': { kind: 'list', of: 'group', query: '?limit=200' },
  'POST /api/v1/groups': { kind: 'some', right: ['group', 'create'], body: (actor) => ({ name: `made-${actor}-g` }) },
  'GET /api/v1/groups/{name}': one('group', 'read'),
  'PATCH /api/v1/groups/{name}': one('group', 'update', { body: { description: 'x' } }),
  'DELETE /api/v1/groups/{name}': one('group', 'delete'),
  'GET /api/v1/groups/{name}/tools': one('group', 'read'),
  'GET /api/v1/groups/{name}/servers/{server}/tools/{tool}/overlay': one('group', 'update', { within: inGroup }),
  'PUT /api/v1/groups/{name}/servers/{server}/tools/{tool}/overlay': one('group', 'update', {
    within: inGroup,
    body: { description: 'x' },
  }),
  'DELETE /api/v1/groups/{name}/servers/{server}/tools/{tool}/overlay': one('group', 'update', { within: inGroup }),
  'GET /api/v1/tools': { kind: 'list', of: 'tool', query: '?limit=200' },
  'GET /api/v1/endpoints': {
    kind: 'list',
    of: 'server',
    names: ({ path }: { path: string }) => path.slice('/api/mcp/'.length),
  },
  'POST /api/v1/tools/search': {
    kind: 'list',
    of: 'tool',
    rights: toCall,
    body: (actor) => ({ query: ['own', 'team', 'others'].map((kind) => `t-s-${actor}-${kind}`).join(' '), limit: 50 }),
    names: ({ name }: { name: string }) => name,
  },
  'GET /api/v1/tools/search/status': { kind: 'account' },
  'GET /api/v1/tools/cases': { kind: 'some', right: ['tool', 'read'], scope: 'all' },
  'POST /api/v1/tools/cases': {
    kind: 'some',
    right: ['setting', 'update'],
    body: (actor) => ({ query: `made by ${actor}`, expected: ['a/b'] }),
  },
  'GET /api/v1/tools/cases/{id}': { kind: 'some', right: ['tool', 'read'], scope: 'all' },
  'PATCH /api/v1/tools/cases/{id}': { kind: 'some', right: ['setting', 'update'], body: { note: 'b' } },
  'DELETE /api/v1/tools/cases/{id}': { kind: 'some', right: ['setting', 'update'] },
  'POST /api/v1/tools/cases/import': {
    kind: 'some',
    right: ['setting', 'update'],
    body: { text: '{"query":"a","expected":"a/b"}', dryRun: true },
  },
  'GET /api/v1/tools/cases/export': { kind: 'some', right: ['tool', 'read'], scope: 'all' },
  'GET /api/v1/tools/runs': { kind: 'some', right: ['tool', 'read'], scope: 'all' },
  'POST /api/v1/tools/runs': { kind: 'some', right: ['setting', 'update'] },
  'GET /api/v1/tools/runs/{id}': { kind: 'some', right: ['tool', 'read'], scope: 'all' },
  'GET /api/v1/tools/searches': { kind: 'some', right: ['call', 'read'] },
  'GET /api/v1/tools/searches/figures': { kind: 'some', right: ['call', 'read'] },
  'POST /api/v1/tools/call': one('server', 'read', {
    also: toCall,
    body: (server) => ({ server, tool: `t-${server}`, arguments: {} }),
    hidden: true,
    inside: true,
  }),
  'GET /api/v1/calls': { kind: 'some', right: ['call', 'read'] },
  'GET /api/v1/audit': { kind: 'some', right: ['audit', 'read'] },
  'GET /api/v1/audit/export': { kind: 'some', right: ['audit', 'read'], query: '?format=csv' },
  'GET /api/v1/audit/verify': { kind: 'some', right: ['audit', 'read'] },
  'GET /api/v1/hub': { kind: 'account' },
  'GET /api/v1/keys': { kind: 'some', right: ['key', 'read'] },
  'POST /api/v1/keys': { kind: 'some', right: ['key', 'create'], body: { name: 'made' } },
  'DELETE /api/v1/keys/{id}': one('key', 'delete'),
  'POST /api/v1/keys/{id}/rotate': one('key', 'create', { body: { overlapHours: 1 }, only: 'own' }),
  'GET /api/v1/limits': { kind: 'some', right: ['setting', 'read'] },
  'PUT /api/v1/limits': {
    kind: 'some',
    right: ['setting', 'update'],
    body: { subject: 'key', target: '*', perMinute: 1_000_000 },
  },
  'DELETE /api/v1/limits': { kind: 'some', right: ['setting', 'update'], query: '?subject=key&target=*' },
  'GET /api/v1/grants': { kind: 'some', right: ['user', 'update'] },
  'DELETE /api/v1/grants/{id}': one('user', 'update', { hidden: true }),
  'GET /api/v1/roles': { kind: 'some', right: ['role', 'read'] },
  'POST /api/v1/roles': {
    kind: 'some',
    right: ['role', 'create'],
    body: (actor) => ({ name: `made-${actor}`, permissions: [] }),
  },
  'GET /api/v1/roles/{name}': one('role', 'read'),
  'PATCH /api/v1/roles/{name}': one('role', 'update', { body: { description: 'x' } }),
  'DELETE /api/v1/roles/{name}': one('role', 'delete'),
  'POST /api/v1/roles/{name}/duplicate': one('role', 'create', { body: { name: 'copy' } }),
  'GET /api/v1/settings/tool-list': { kind: 'some', right: ['setting', 'read'] },
  'PATCH /api/v1/settings/tool-list': { kind: 'some', right: ['setting', 'update'], body: { mode: 'full' } },
  'GET /api/v1/settings/sign-in': { kind: 'some', right: ['setting', 'read'] },
  'PATCH /api/v1/settings/sign-in': { kind: 'some', right: ['setting', 'update'], body: { newAccounts: 'never' } },
  'GET /api/v1/sign-in-rules': { kind: 'some', right: ['setting', 'read'] },
  'POST /api/v1/sign-in-rules': {
    kind: 'some',
    right: ['setting', 'update'],
    body: { claim: 'team', value: 'a', roles: ['user'] },
  },
  'GET /api/v1/sign-in-rules/{id}': { kind: 'some', right: ['setting', 'read'], hidden: true },
  'PATCH /api/v1/sign-in-rules/{id}': {
    kind: 'some',
    right: ['setting', 'update'],
    hidden: true,
    body: { value: 'b' },
  },
  'DELETE /api/v1/sign-in-rules/{id}': { kind: 'some', right: ['setting', 'update'], hidden: true },
  'POST /api/v1/sign-in-rules/try': {
    kind: 'some',
    right: ['setting', 'read'],
    body: { provider: 'oidc', claims: {} },
  },
  'GET /api/v1/users': { kind: 'some', right: ['user', 'read'] },
  'POST /api/v1/users': { kind: 'some', right: ['user', 'create'], body: (actor) => ({ username: `made-${actor}` }) },
  'GET /api/v1/users/{id}': one('user', 'read'),
  'PATCH /api/v1/users/{id}': one('user', 'update', { body: { displayName: 'x' } }),
  'DELETE /api/v1/users/{id}': one('user', 'delete'),
  'POST /api/v1/users/{id}/reset-link': one('user', 'update', { all: true, hidden: true }),
  // The own one is removed with the password.
  'DELETE /api/v1/users/{id}/second-factor': one('user', 'update', { all: true, hidden: true, not: 'own' }),
  'GET /api/v1/users/{id}/sessions': one('user', 'update', { hidden: true }),
  'DELETE /api/v1/users/{id}/sessions': one('user', 'update', { hidden: true }),
  'DELETE /api/v1/users/{id}/sessions/{session}': one('user', 'update', { hidden: true }),
  'GET /api/v1/invites': { kind: 'some', right: ['user', 'create'] },
  'POST /api/v1/invites': { kind: 'some', right: ['user', 'create'], body: {} },
  'POST /api/v1/invites/accept': {
    kind: 'open',
    because: 'the token of the invite is the credential',
    body: { token: 'x', username: 'x', password: 'a long new password' },
    answer: 404,
  },
  'DELETE /api/v1/invites/{id}': { kind: 'some', right: ['user', 'create'], hidden: true },
  'POST /api/v1/password-reset': {
    kind: 'open',
    because: 'the token of the link is the credential',
    body: { token: 'x', newPassword: 'a long new password' },
    answer: 404,
  },
  'GET /api/v1/me/sessions': { kind: 'some', right: ['user', 'update'], hidden: true },
  'DELETE /api/v1/me/sessions': { kind: 'some', right: ['user', 'update'], hidden: true },
  'DELETE /api/v1/me/sessions/{id}': { kind: 'some', right: ['user', 'update'], hidden: true },
  'GET /api/v1/me/identities': forBrowsers,
  // No provider is set up here.
  'POST /api/v1/me/identities/link': { ...forBrowsers, body: { provider: 'github' }, answer: 404 },
  // It is the only way in.
  'POST /api/v1/me/identities/{id}/remove': { ...forBrowsers, body: {}, answer: 409 },
  'GET /api/v1/me/second-factor': forBrowsers,
  'POST /api/v1/me/second-factor': { ...forBrowsers, body: {} },
  // It is wrong.
  'POST /api/v1/me/second-factor/confirm': { ...forBrowsers, body: { code: 'abcdef' }, answer: 400 },
  'POST /api/v1/me/second-factor/remove': { ...forBrowsers, body: {} },
  // There is no second factor.
  'POST /api/v1/me/second-factor/recovery-codes': { ...forBrowsers, body: {}, answer: 409 },
  'GET /api/v1/me': { kind: 'account' },
  // There is no password.
  'POST /api/v1/me/password': {
    ...forBrowsers,
    body: { currentPassword: 'x', newPassword: 'a long new password' },
    answer: 400,
  },
  'POST /api/v1/settings/secrets/rotate': { kind: 'some', right: ['setting', 'update'] },
  'POST /api/v1/setup': {
    kind: 'open',
    because: 'the one-time token is the credential',
    body: { token: 'x', username: 'x', password: 'a long new password' },
    answer: 404,
  },
};

/** What an action is asked about. */
type About = Record<string, string> & { name: string; id: string; asker: string };

/** By what the verb behind it takes. */
export const serverActions: Record<string, Way & { input?: (about: About) => unknown }> = {
  signInAction: {
    kind: 'open',
    because: 'the password is the credential',
    input: () => ({ username: 'nobody', password: 'x' }),
    answer: 401,
  },
  signInCodeAction: {
    kind: 'open',
    because: 'the code is the credential',
    input: () => ({ ticket: 'x', code: '123456' }),
    answer: 401,
  },
  setUpAction: {
    kind: 'open',
    because: 'the one-time token is the credential',
    input: () => ({ token: 'x', username: 'x', password: 'a long new password' }),
    answer: 404,
  },
  decideConsentAction: { kind: 'account', input: ({ asker }) => ({ id: 'c', userId: asker, allow: false }) },
  finishSignInAction: { ...one('server', 'read', { absent: 400 }), input: ({ state }) => ({ state }) },
  // It takes the cookie away, whoever asks; actors.test.ts holds that it ends no other session.
  signOutAction: { kind: 'open', because: 'it ends the own session' },
  createGroupAction: { kind: 'some', right: ['group', 'create'], input: ({ name }) => ({ name: `act-${name}-g` }) },
  updateGroupAction: {
    ...one('group', 'update', { answer: 412 }),
    input: ({ name }) => ({ name, patch: { description: 'x' }, ifVersion: 999 }),
  },
  deleteGroupAction: { ...one('group', 'delete'), input: ({ name }) => ({ name }) },
  createKeyAction: { kind: 'some', right: ['key', 'create'], input: () => ({ name: 'act' }) },
  revokeKeyAction: { ...one('key', 'delete'), input: ({ id }) => ({ id }) },
  rotateKeyAction: { ...one('key', 'create', { only: 'own' }), input: ({ id }) => ({ id, overlapHours: 1 }) },
  setLimitAction: {
    kind: 'some',
    right: ['setting', 'update'],
    input: () => ({ subject: 'key', target: '*', perMinute: 1_000_000 }),
  },
  removeLimitAction: {
    kind: 'some',
    right: ['setting', 'update'],
    input: () => ({ subject: 'key', target: '*', ifVersion: 999 }),
    answer: 412,
  },
  createRoleAction: {
    kind: 'some',
    right: ['role', 'create'],
    input: ({ name }) => ({ name: `act-${name}`, permissions: [] }),
  },
  duplicateRoleAction: { ...one('role', 'create'), input: ({ name }) => ({ source: name, name: 'copied' }) },
  updateRoleAction: {
    ...one('role', 'update', { answer: 412 }),
    input: ({ name }) => ({ name, patch: { description: 'x' }, ifVersion: 999 }),
  },
  deleteRoleAction: { ...one('role', 'delete', { answer: 412 }), input: ({ name }) => ({ name, ifVersion: 999 }) },
  operateServerAction: { ...one('server', 'operate'), input: ({ name }) => ({ name, operation: 'stop' }) },
  createServerAction: { kind: 'some', right: ['server', 'create'], input: ({ name }) => stdio(`act-${name}`) },
  updateServerAction: {
    ...one('server', 'update', { answer: 412 }),
    input: ({ name }) => ({ name, patch: { description: 'x' }, ifVersion: 999 }),
  },
  approveToolsAction: {
    ...one('server', 'update', { answer: 409 }),
    input: ({ name }) => ({ name, approval: { tools: [{ name: 'none', definitionHash: 'a'.repeat(64) }] } }),
  },
  setOverlayAction: {
    ...one('server', 'update', { answer: 412 }),
    input: ({ name }) => ({ server: name, tool: `t-${name}`, overlay: {}, ifVersion: 999 }),
  },
  setGroupOverlayAction: {
    ...one('group', 'update', { within: inGroup, answer: 412 }),
    input: ({ name: group, server, tool }) => ({ group, server, tool, overlay: {}, ifVersion: 999 }),
  },
  deleteServerAction: { ...one('server', 'delete'), input: ({ name }) => ({ name }) },
  planImportAction: {
    kind: 'some',
    right: ['server', 'create'],
    input: () => ({ text: '{"mcpServers":{"pasted":{"command":"true"}}}' }),
  },
  applyImportAction: { kind: 'some', right: ['server', 'create'], input: () => ({ text: '{"mcpServers":{}}' }) },
};

/** By the folder below app. `shows`: whether what is shown tells of the thing. */
export const pages: Record<string, Way & { shows?: (page: { props: Record<string, unknown> }) => boolean }> = {
  '(auth)/setup': { kind: 'open', because: 'the one-time token is the credential' },
  '(auth)/signin': { kind: 'open', because: 'it is where a password is given' },
  '(auth)/invite': { kind: 'open', because: 'the token of the invite is the credential' },
  '(auth)/connections/[name]': one('server', 'read'),
  // It names the server to those who may read it.
  '(auth)/connections/callback': { ...one('server', 'read'), shows: ({ props }) => props.server !== null },
  '(auth)/consent/[id]': { kind: 'open', because: 'without the cookie of a request it says that there is none' },
  '(auth)/reset': { kind: 'open', because: 'the token of the link is the credential' },
  '(dashboard)/account': { kind: 'some', right: ['user', 'update'] },
  '(dashboard)/users': { kind: 'some', right: ['user', 'read'], scope: 'all' },
  '(dashboard)/users/[id]': one('user', 'read'),
  '(dashboard)': { kind: 'account' },
  '(dashboard)/connect': { kind: 'account' },
  '(dashboard)/servers': { kind: 'some', right: ['server', 'read'] },
  '(dashboard)/servers/[name]': one('server', 'read'),
  '(dashboard)/groups': { kind: 'some', right: ['group', 'read'] },
  '(dashboard)/groups/[name]': one('group', 'read'),
  '(dashboard)/tools': { kind: 'some', right: ['tool', 'read'] },
  '(dashboard)/tools/quality': { kind: 'some', right: ['tool', 'read'] },
  '(dashboard)/playground': { kind: 'some', right: ['tool', 'call'] },
  '(dashboard)/calls': { kind: 'some', right: ['call', 'read'] },
  '(dashboard)/keys': { kind: 'some', right: ['key', 'read'] },
  '(dashboard)/roles': { kind: 'some', right: ['role', 'read'] },
  '(dashboard)/roles/[name]': one('role', 'read'),
  '(dashboard)/secrets': { kind: 'some', right: ['setting', 'read'] },
  '(dashboard)/limits': { kind: 'some', right: ['setting', 'read'] },
  '(dashboard)/settings/sign-in': { kind: 'some', right: ['setting', 'read'] },
  '(dashboard)/audit': { kind: 'some', right: ['audit', 'read'] },
};

/** Rooms of the live updates, as worker/live writes their names, with what joining takes of the thing that is named. */
export const rooms: Record<string, { right: Right | null; only?: Scope }> = {
  'user:': { right: null },
  calls: { right: ['call', 'read'], only: 'all' },
  'calls:': { right: ['call', 'read'], only: 'own' },
  admin: { right: ['setting', 'read'], only: 'all' },
  'server:': { right: ['server', 'read'] },
  'logs:': { right: ['log', 'read'] },
};

/**
 * MCP methods of both eras, by what they take at a server that may be read; "listed" are those whose answer is a list of
 * what the rights allow. Null: everybody who may use the endpoint.
 */
export const methods: Record<string, { rights: Right[] | null; listed?: string; params?: Record<string, unknown> }> = {
  initialize: { rights: null },
  ping: { rights: null },
  'server/discover': { rights: null },
  'subscriptions/listen': { rights: null },
  'logging/setLevel': { rights: null, params: { level: 'info' } },
  'tools/list': {
    rights: [
      ['tool', 'read'],
      ['tool', 'call'],
    ],
    listed: 'tools',
  },
  'tools/call': {
    rights: [
      ['tool', 'read'],
      ['tool', 'call'],
    ],
    params: { name: 'echo' },
  },
  'resources/list': { rights: [['tool', 'call']], listed: 'resources' },
  'resources/templates/list': { rights: [['tool', 'call']], listed: 'resourceTemplates' },
  'resources/read': { rights: [['tool', 'call']], params: { uri: 'demo://a' } },
  'resources/subscribe': { rights: [['tool', 'call']], params: { uri: 'demo://a' } },
  'resources/unsubscribe': { rights: [['tool', 'call']], params: { uri: 'demo://a' } },
  'prompts/list': { rights: [['tool', 'call']], listed: 'prompts' },
  'prompts/get': { rights: [['tool', 'call']], params: { name: 'greet' } },
  'completion/complete': {
    rights: [['tool', 'call']],
    params: { ref: { type: 'ref/prompt', name: 'greet' }, argument: { name: 'a', value: '' } },
  },
  // An id of a task is sealed over its owner, and good for nobody else; tasks.test.ts asks for the rights again.
  'tasks/get': { rights: [], params: { taskId: 'x' } },
  'tasks/list': { rights: [], params: {} },
  'tasks/result': { rights: [], params: { taskId: 'x' } },
  'tasks/cancel': { rights: [], params: { taskId: 'x' } },
  'tasks/update': { rights: [], params: { taskId: 'x' } },
};

const everything = 'server group tool key user role call log audit setting';

/** What each built-in role may, as `resource.action` → scopes; written by hand, so that a change of the roles shows. */
const roleRights: Record<string, Record<string, Scope[]>> = {
  admin: Object.fromEntries(
    everything
      .split(' ')
      .flatMap((type) =>
        ['read', 'create', 'update', 'delete', 'operate', 'call'].map((action) => [`${type}.${action}`, ['all']]),
      ),
  ),
  manager: {
    'server.read': ['all'],
    'server.operate': ['all'],
    'group.read': ['all'],
    'group.create': ['all'],
    'group.update': ['all'],
    'group.delete': ['all'],
    'tool.read': ['all'],
    'tool.call': ['all'],
    'call.read': ['all'],
    'log.read': ['all'],
    'user.read': ['all'],
    'user.update': ['own'],
    'key.read': ['own'],
    'key.create': ['own'],
    'key.delete': ['own'],
  },
  user: {
    'server.read': ['group'],
    'group.read': ['group'],
    'tool.read': ['group'],
    'tool.call': ['group'],
    'call.read': ['own'],
    'user.read': ['own'],
    'user.update': ['own'],
    'key.read': ['own'],
    'key.create': ['own'],
    'key.delete': ['own'],
  },
  auditor: {
    'server.read': ['all'],
    'group.read': ['all'],
    'tool.read': ['all'],
    'call.read': ['all'],
    'audit.read': ['all'],
    'user.read': ['all'],
    'user.update': ['own'],
    'role.read': ['all'],
    'key.read': ['all'],
  },
};

/** Roles that somebody adds: all that there is on own things, and all that there is on those of own groups. */
const custom = (scope: Scope): Record<string, Scope[]> =>
  Object.fromEntries(
    Object.entries(grantable).flatMap(([resource, actions]) =>
      Object.entries(actions).flatMap(([action, offered]) =>
        offered.includes(scope) ? [[`${resource}.${action}`, [scope]]] : [],
      ),
    ),
  );

/** Everybody who asks in the matrix, with what they may. */
export const actorRights: Record<string, Record<string, Scope[]>> = {
  ...roleRights,
  'all-own': custom('own'),
  'all-group': custom('group'),
  'no-role': {},
};

/** Whether the table gives this right: in some scope, or in the named one. */
export function has(actor: string, [type, action]: Right, scope?: Scope): boolean {
  const held = actorRights[actor]?.[`${type}.${action}`] ?? [];
  return scope === undefined ? held.length > 0 : held.includes('all') || held.includes(scope);
}

export function permissionsOf(actor: string): Permission[] {
  return Object.entries(actorRights[actor] ?? {}).flatMap(([right, held]) => {
    const [resource, action] = right.split('.') as Right;
    return held.map((scope) => ({ resource, action, scope }));
  });
}
