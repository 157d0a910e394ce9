import { describe, expect, it } from 'vitest';
import { emptyServerForm, inputOf, patchOf, valuesOf } from '../../../../app/(dashboard)/servers/server-form-values';
import { type ServerView, serverInputSchema, serverPatchSchema } from '../../../../lib/servers/schema';

const view: ServerView = {
  id: '00000000-0000-4000-8000-000000000000',
  name: 'files',
  label: null,
  description: '',
  type: 'stdio',
  command: 'npx',
  args: ['-y', 'server-files', '/srv/with space'],
  env: { TOKEN: '***5678', MODE: '***' },
  cwd: null,
  url: null,
  headers: {},
  secrets: {},
  needsReentry: [],
  era: 'auto',
  enabled: true,
  desired: 'running',
  timeoutMs: 1_500,
  prefix: 'never',
  toolList: { mode: 'full', maxTools: 40, maxTokens: 10_000, pinned: [] },
  anonymous: false,
  limits: {},
  tls: null,
  healthCheck: null,
  replicas: 1,
  endpoints: [],
  balancing: 'round-robin',
  repeatSafeCalls: false,
  definitionChanges: 'warn',
  isolation: 'shared',
  startOnDemand: false,
  idleStopSeconds: null,
  warmInstances: 0,
  credential: null,
  openapi: null,
  source: 'api',
  sourceFile: null,
  groups: [],
  toolCount: 3,
  createdAt: '2030-01-01T00:00:00.000Z',
  updatedAt: '2030-01-01T00:00:00.000Z',
  version: 1,
};

describe('the form of a server', () => {
  it('leaves out optional fields that are empty', () => {
    const input = inputOf({ ...emptyServerForm, name: ' files ', command: 'npx' });
    expect(input).toEqual({
      type: 'stdio',
      name: 'files',
      command: 'npx',
      args: [],
      env: {},
      prefix: 'never',
      enabled: true,
    });
    expect(serverInputSchema.safeParse(input).success).toBe(true);
  });

  it('takes one argument per line and keeps the spaces inside of one', () => {
    const input = inputOf({ ...emptyServerForm, name: 'a', command: 'x', args: '-y\n\n/srv/with space\n' });
    expect(input).toMatchObject({ args: ['-y', '/srv/with space'] });
  });

  it('sends what was not touched back as it was shown, masked', () => {
    const patch = patchOf(view, valuesOf(view));
    expect(patch).toMatchObject({ env: view.env, args: view.args, timeoutMs: 1_500, cwd: null });
    expect(patch).not.toHaveProperty('name');
    expect(serverPatchSchema.safeParse(patch).success).toBe(true);
  });

  it('leaves out what has no effect beside who shares an instance, and brings it back', () => {
    const own = { ...view, isolation: 'session' as const, idleStopSeconds: 60, warmInstances: 2 };
    const values = { ...valuesOf(own), replicas: '3' };
    expect(inputOf(values)).toMatchObject({ isolation: 'session', idleStopSeconds: 60, warmInstances: 2 });
    expect(patchOf(own, values)).toMatchObject({ replicas: null, balancing: null });
    const shared = patchOf(own, { ...values, isolation: 'shared' });
    expect(shared).toMatchObject({ isolation: 'shared', idleStopSeconds: null, warmInstances: null, replicas: 3 });
    const onDemand = patchOf(own, { ...values, isolation: 'shared', startOnDemand: true });
    expect(onDemand).toMatchObject({ startOnDemand: true, idleStopSeconds: 60 });
    expect(serverPatchSchema.safeParse(shared).success).toBe(true);
  });

  it('removes a variable by null', () => {
    const values = { ...valuesOf(view), env: [{ key: 'MODE', value: 'fast' }] };
    expect(patchOf(view, values).env).toEqual({ TOKEN: null, MODE: 'fast' });
  });

  it('refuses a time-out that is no number, at its place', () => {
    const parsed = serverInputSchema.safeParse(
      inputOf({ ...emptyServerForm, name: 'a', command: 'x', timeoutSeconds: 'soon' }),
    );
    expect(parsed.error?.issues[0]?.path).toEqual(['timeoutMs']);
  });

  it('sends the limits that are set, removes those that were emptied, and refuses what is no number at its place', () => {
    const limited = { ...view, limits: { memoryMb: 512, processes: 5 } };
    const values = valuesOf(limited);
    expect(values.limits).toMatchObject({ memoryMb: '512', processes: '5', openFiles: '' });
    const edited = { ...values, limits: { ...values.limits, processes: ' ', openFiles: '64' } };
    expect(patchOf(limited, edited).limits).toEqual({ memoryMb: 512, processes: null, openFiles: 64 });
    const wrong = { ...values, limits: { ...values.limits, memoryMb: 'much' } };
    expect(serverInputSchema.safeParse(inputOf(wrong)).error?.issues[0]?.path).toEqual(['limits', 'memoryMb']);
  });

  it('sends no limit of processes for a remote server', () => {
    const limits = { ...emptyServerForm.limits, memoryMb: '512', concurrentCalls: '4' };
    const values = { ...emptyServerForm, type: 'streamable-http' as const, name: 'a', url: 'http://h/mcp', limits };
    expect(inputOf(values).limits).toEqual({ concurrentCalls: 4 });
  });

  it('of an OpenAPI server has the settings that such a server has and no others', () => {
    const api = {
      ...view,
      type: 'openapi' as const,
      command: null,
      args: [],
      env: {},
      headers: { 'X-Tenant': '***5678', 'X-Gone': '***' },
      secrets: { KEY: '***7890' },
      limits: { concurrentCalls: 4, instances: 2 },
      healthCheck: { intervalSeconds: 60 },
      tls: { serverName: 'api.test' },
    };
    const values = {
      ...valuesOf(api),
      description: 'd',
      tlsServerName: '',
      headers: [{ key: 'X-Tenant', value: '***5678' }],
    };
    expect(patchOf(api, values)).toEqual({
      description: 'd',
      timeoutMs: 1_500,
      prefix: 'never',
      limits: { concurrentCalls: 4 },
      secrets: { KEY: '***7890' },
      enabled: true,
      healthCheck: { intervalSeconds: 60 },
      repeatSafeCalls: false,
      definitionChanges: 'warn',
      tls: null,
      headers: { 'X-Tenant': '***5678', 'X-Gone': null },
    });
    const input = inputOf({ ...values, tlsCa: 'pem' });
    expect(input).toMatchObject({ type: 'openapi', headers: { 'X-Tenant': '***5678' }, tls: { ca: 'pem' } });
    expect(serverInputSchema.safeParse(input).success).toBe(true);
  });

  it('keeps how a server is signed in to, with its secret masked, and takes it back', () => {
    const oauth = {
      kind: 'oauth' as const,
      per: 'hub' as const,
      scopes: ['read', 'write'],
      clientId: 'hub',
      clientSecret: '***cret',
      issuer: 'https://as.example',
    };
    const remote: ServerView = { ...view, type: 'streamable-http', url: 'https://h.example/', credential: oauth };
    expect(patchOf(remote, valuesOf(remote)).credential).toEqual(oauth);
    expect(patchOf(remote, { ...valuesOf(remote), signIn: 'oauth-user', signInScopes: '' }).credential).toEqual({
      kind: 'oauth',
      per: 'user',
      clientId: 'hub',
      clientSecret: '***cret',
      issuer: 'https://as.example',
    });
    expect(patchOf(remote, { ...valuesOf(remote), signIn: 'none' }).credential).toBeNull();
    expect(serverPatchSchema.safeParse(patchOf(remote, valuesOf(remote))).success).toBe(true);
  });

  it('names a new key after its header or variable, and keeps the name of one that was saved', () => {
    const field = { name: '', label: 'Key', place: ' X-Key ', bearer: true };
    const saved = { name: 'first', label: 'First', place: 'X-Other', bearer: false };
    const remote = { ...emptyServerForm, type: 'streamable-http' as const, url: 'https://h.example/', name: 'x' };
    const credential = { kind: 'static', per: 'user' };
    expect(inputOf({ ...remote, signIn: 'static', signInFields: [field, saved] })).toMatchObject({
      credential: {
        ...credential,
        fields: [
          { name: 'X-Key', label: 'Key', header: 'X-Key', prefix: 'Bearer ' },
          { name: 'first', label: 'First', header: 'X-Other' },
        ],
      },
    });
    const program = { ...emptyServerForm, name: 'x', command: 'x', isolation: 'user' as const };
    expect(inputOf({ ...program, signIn: 'static', signInFields: [{ ...field, place: '_KEY' }] })).toMatchObject({
      credential: { ...credential, fields: [{ name: 'KEY', label: 'Key', env: '_KEY' }] },
    });
    expect(inputOf({ ...program, signIn: 'oauth-hub' })).not.toHaveProperty('credential');
  });
});
