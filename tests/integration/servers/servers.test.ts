// The verbs of servers on a real database: good input, bad input, no right, twice at once.
import { desc, eq } from 'drizzle-orm';
import { beforeAll, describe, expect, it } from 'vitest';
import { auditLogs, groupServers, groups, servers, tools } from '../../../drizzle/schema';
import type { Actor } from '../../../lib/access/schema';
import type { HubError } from '../../../lib/errors';
import {
  applyImport,
  createGroup,
  createServer,
  deleteServer,
  getServer,
  listDesired,
  listOpen,
  listServers,
  listTools,
  restartServer,
  startServer,
  stopServer,
  updateServer,
} from '../../../lib/servers';
import { loadEndpoints } from '../../../lib/servers/catalog';
import type { ServerInput } from '../../../lib/servers/schema';
import { eachDatabase } from '../../support/database';
import { bench, codeOf } from './support';

const stdio = (name: string, more: Partial<ServerInput> = {}) =>
  ({ name, type: 'stdio', command: 'node', args: ['server.mjs'], ...more }) as ServerInput;

eachDatabase('verbs of servers', (kind) => {
  const { use, ctx, take, actor, opened, opener } = bench(kind);
  let admin: Actor;
  let manager: Actor;
  let user: Actor;

  beforeAll(async () => {
    [admin, manager, user] = await Promise.all([actor('admin'), actor('manager'), actor('user')]);
  });

  it('a created server is listed, audited and announced', async () => {
    take();
    const made = await createServer(ctx(admin), stdio('alpha', { env: { API_KEY: 'sk-verysecretvalue' } }));
    expect(made).toMatchObject({ name: 'alpha', desired: 'running', enabled: true, source: 'api', version: 1 });
    expect(made.env).toEqual({ API_KEY: '***alue' });
    expect((await listServers(ctx(admin))).map((server) => server.name)).toContain('alpha');
    expect(take()).toEqual([{ name: 'server.created', payload: { id: made.id, name: 'alpha' } }]);
    const [audit] = await use().db.select().from(auditLogs).where(eq(auditLogs.resourceId, made.id));
    expect(audit).toMatchObject({ action: 'server.created', actor: admin.name, requestId: 'test-request' });
    expect(JSON.stringify(audit)).not.toContain('verysecret');
  });

  it('names are looked up and unique whatever the case of their letters, also against groups', async () => {
    await createServer(ctx(admin), stdio('Beta'));
    expect((await getServer(ctx(admin), 'bETA')).name).toBe('Beta');
    await expect(createServer(ctx(admin), stdio('BETA'))).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('server "Beta"'),
    });
    await createGroup(ctx(admin), { name: 'team' });
    await expect(createServer(ctx(admin), stdio('Team'))).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('group "team"'),
    });
  });

  it('of two creations with one name at once exactly one wins, and the other leaves nothing', async () => {
    const codes = await Promise.all([1, 2].map(() => codeOf(createServer(ctx(admin), stdio('twice')))));
    expect(codes.sort()).toEqual(['CONFLICT', 'none']);
    expect(await use().db.select().from(servers).where(eq(servers.name, 'twice'))).toHaveLength(1);
  });

  it.each([
    ['a name with a path', stdio('../etc'), '/name'],
    ['the reserved name', stdio('SSE'), '/name'],
    ['no command', { name: 'x', type: 'stdio' }, '/command'],
    ['another protocol', { name: 'x', type: 'streamable-http', url: 'file:///etc/passwd' }, '/url'],
    ['credentials in the URL', { name: 'x', type: 'streamable-http', url: 'http://u:p@host/' }, '/url'],
    ['the metadata address', { name: 'x', type: 'streamable-http', url: 'http://169.254.169.254/' }, '/url'],
    ['the metadata address as a number', { name: 'x', type: 'streamable-http', url: 'http://2852039166/' }, '/url'],
    ['a variable that loads code', stdio('x', { env: { NODE_OPTIONS: '--require ./x' } }), '/env/NODE_OPTIONS'],
    ['the same in other letters', stdio('x', { env: { ld_preload: '/x.so' } }), '/env/ld_preload'],
    ['a limit below sense', stdio('x', { limits: { memoryMb: 0 } }), '/limits/memoryMb'],
    ['a limit of processes for what is none', { ...remote('x', {}), limits: { processes: 1 } }, '/limits'],
    ['NUL in a value', stdio('x', { args: ['a\0b'] }), '/args/0'],
    ['a mask as a value', stdio('x', { env: { KEY: '***abcd' } }), '/env/KEY'],
    ['a line break in a header', remote('x', { A: 'b\r\nC: d' }), '/headers/A'],
    ['a certificate that is none', { ...remote('x', {}), tls: { ca: 'trust me' } }, '/tls/ca'],
    ['a damaged certificate', { ...remote('x', {}), tls: { ca: pem('CERTIFICATE') } }, '/tls/ca'],
    ['a private key', { ...remote('x', {}), tls: { ca: pem('PRIVATE KEY') } }, '/tls/ca'],
    ['a certificate of a program', { ...stdio('x'), tls: {} }, ''],
    ['a URL as the name in a certificate', { ...remote('x', {}), tls: { serverName: 'https://x' } }, '/tls/serverName'],
    [
      'a check that is too frequent',
      stdio('x', { healthCheck: { intervalSeconds: 1 } }),
      '/healthCheck/intervalSeconds',
    ],
    [
      'a check that outlasts its interval',
      stdio('x', { healthCheck: { intervalSeconds: 5, timeoutSeconds: 6 } }),
      '/healthCheck/timeoutSeconds',
    ],
    ['an unknown field', { ...stdio('x'), id: 'mine' }, ''],
  ])('%s is refused with a pointer', async (_what, input, pointer) => {
    const error = await createServer(ctx(admin), input as ServerInput).catch((caught: HubError) => caught);
    expect(error).toMatchObject({ code: 'INVALID_INPUT' });
    expect((error as HubError).extras.faults?.map((fault) => fault.pointer)).toContain(pointer);
  });

  it('only who may create servers adds one; who may not see one reads "not found"', async () => {
    await createServer(ctx(admin), stdio('hidden'));
    expect(await codeOf(createServer(ctx(manager), stdio('mine')))).toBe('FORBIDDEN');
    expect(await codeOf(getServer(ctx(user), 'hidden'))).toBe('NOT_FOUND');
    expect(await codeOf(getServer(ctx(user), 'never-existed'))).toBe('NOT_FOUND');
    expect(await codeOf(deleteServer(ctx(user), 'hidden'))).toBe('NOT_FOUND');
    expect(await codeOf(deleteServer(ctx(manager), 'hidden'))).toBe('FORBIDDEN');
    expect(await codeOf(updateServer(ctx(manager), 'hidden', { description: 'x' }))).toBe('FORBIDDEN');
    expect(await codeOf(stopServer(ctx(manager), 'hidden'))).toBe('none');
    expect(await listServers(ctx(user))).toEqual([]);
  });

  it('a member of a group sees its servers, and of them only the offered tools, also in the count', async () => {
    const made = await createServer(ctx(admin), stdio('shared'));
    const definition = { name: 'x', inputSchema: { type: 'object' } };
    await use()
      .db.insert(tools)
      .values(
        ['open', 'closed'].map((name, position) => ({
          serverId: made.id,
          name,
          position,
          definition: { ...definition, name },
          definitionHash: name,
        })),
      );
    const group = await createGroup(ctx(admin), { name: 'few', servers: [{ server: 'SHARED', tools: ['open'] }] });
    const member = await actor('user', [group.id]);
    expect(await getServer(ctx(member), 'shared')).toMatchObject({ toolCount: 1, groups: ['few'] });
    expect((await listTools(ctx(member))).map((tool) => tool.exposedName)).toEqual(['shared__open']);
    expect((await listTools(ctx(admin), { server: 'shared' })).map((tool) => tool.name)).toEqual(['open', 'closed']);
    expect(await codeOf(listTools(ctx(user), { server: 'shared' }))).toBe('NOT_FOUND');
  });

  it('a patch merges: null removes, a mask keeps, the rest is set; the stored secret is never lost', async () => {
    await createServer(ctx(admin), stdio('patched', { env: { KEEP: 'keep-this-secret', DROP: 'x' }, timeoutMs: 5000 }));
    const changed = await updateServer(ctx(admin), 'patched', {
      env: { KEEP: '***cret', DROP: null, NEW: 'y' },
      timeoutMs: null,
      name: 'Renamed',
    });
    expect(changed).toMatchObject({ name: 'Renamed', timeoutMs: null, version: 2 });
    const [row] = await use().db.select().from(servers).where(eq(servers.id, changed.id));
    expect((await opened(row))?.env).toEqual({ KEEP: 'keep-this-secret', NEW: 'y' });
    expect(await codeOf(getServer(ctx(admin), 'patched'))).toBe('NOT_FOUND');
    await createServer(ctx(admin), stdio('patched'));
    expect(await codeOf(updateServer(ctx(admin), 'patched', { name: 'renamed' }))).toBe('INVALID_INPUT');
  });

  it('limits are merged one by one, checked as a whole, and null removes them', async () => {
    await createServer(ctx(admin), stdio('limited', { limits: { memoryMb: 512, processes: 5 } }));
    const patched = await updateServer(ctx(admin), 'limited', { limits: { memoryMb: null, openFiles: 100 } });
    expect(patched.limits).toEqual({ processes: 5, openFiles: 100 });
    expect(await codeOf(updateServer(ctx(admin), 'limited', { limits: { openFiles: 1 } }))).toBe('INVALID_INPUT');
    expect((await updateServer(ctx(admin), 'limited', { description: 'x' })).limits).toEqual(patched.limits);
    expect((await updateServer(ctx(admin), 'limited', { limits: null })).limits).toEqual({});
  });

  it('changing the type drops the settings of the former one', async () => {
    await createServer(ctx(admin), stdio('turned', { env: { A: 'b' } }));
    const turned = await updateServer(ctx(admin), 'turned', { type: 'streamable-http', url: 'http://localhost:1/mcp' });
    expect(turned).toMatchObject({ type: 'streamable-http', command: null, args: [], env: {} });
    expect(await codeOf(updateServer(ctx(admin), 'turned', { type: 'stdio' }))).toBe('INVALID_INPUT');
  });

  it('instances: processes for a program, addresses for a remote server, and nothing that contradicts itself', async () => {
    const many = await createServer(ctx(admin), stdio('many', { replicas: 3, balancing: 'least-connections' }));
    expect(many).toMatchObject({ replicas: 3, balancing: 'least-connections', endpoints: [] });
    expect(await updateServer(ctx(admin), 'many', { replicas: null, balancing: null })).toMatchObject({
      replicas: 1,
      balancing: 'round-robin',
    });
    const url = 'https://one.example/mcp';
    const endpoints = [{ url: 'https://two.example/mcp', weight: 3 }];
    const remote = {
      name: 'addresses',
      type: 'streamable-http' as const,
      url,
      endpoints,
      balancing: 'weighted' as const,
    };
    expect(await createServer(ctx(admin), remote)).toMatchObject({ endpoints, balancing: 'weighted', replicas: 1 });
    const row = (await listDesired(use().db, {}, opener)).find(({ name }) => name === 'addresses');
    expect(row?.endpoints).toEqual([{ url, weight: 1 }, ...endpoints]);
    for (const patch of [{ replicas: 0 }, { replicas: 33 }, { endpoints }, { balancing: 'weighted' as const }]) {
      expect(await codeOf(updateServer(ctx(admin), 'many', patch))).toBe('INVALID_INPUT');
    }
    const twice = [...endpoints, ...endpoints];
    const metadata = [{ url: 'http://169.254.169.254/', weight: 1 }];
    for (const patch of [{ replicas: 2 }, { endpoints: twice }, { endpoints: metadata }]) {
      expect(await codeOf(updateServer(ctx(admin), 'addresses', patch))).toBe('INVALID_INPUT');
    }
    expect((await updateServer(ctx(admin), 'addresses', { endpoints: null, balancing: null })).endpoints).toEqual([]);
  });

  it('whether safe calls are repeated is a setting of every type, false by default, and restarts nothing', async () => {
    const hashOf = async () => (await listDesired(use().db, {}, opener)).find(({ name }) => name === 'repeating')?.hash;
    expect(await createServer(ctx(admin), stdio('repeating'))).toMatchObject({ repeatSafeCalls: false });
    const before = await hashOf();
    expect(await updateServer(ctx(admin), 'repeating', { repeatSafeCalls: true })).toMatchObject({
      repeatSafeCalls: true,
    });
    expect(await hashOf()).toBe(before);
    const rows = (await loadEndpoints(use().db)).servers.filter(({ name }) => name === 'repeating');
    expect(rows).toMatchObject([{ repeatSafeCalls: true }]);
    const remote = { type: 'sse' as const, url: 'https://one.example/sse' };
    expect(await updateServer(ctx(admin), 'repeating', remote)).toMatchObject({ repeatSafeCalls: true });
    expect(await updateServer(ctx(admin), 'repeating', { repeatSafeCalls: null })).toMatchObject({
      repeatSafeCalls: false,
    });
  });

  it('only who may change settings opens a server to everybody; an import never does, and it restarts nothing', async () => {
    const owner = {
      ...user,
      permissions: [
        ...user.permissions,
        { resource: 'server', action: 'read', scope: 'all' } as const,
        { resource: 'server', action: 'update', scope: 'all' } as const,
      ],
    };
    const creator = {
      ...owner,
      permissions: [...owner.permissions, { resource: 'server', action: '*', scope: 'all' } as const],
    };
    expect(await codeOf(createServer(ctx(creator), stdio('opened', { anonymous: true })))).toBe('FORBIDDEN');
    expect(await createServer(ctx(creator), stdio('opened'))).toMatchObject({ anonymous: false });
    const hashOf = async () => (await listDesired(use().db, {}, opener)).find(({ name }) => name === 'opened')?.hash;
    const before = await hashOf();
    expect(await codeOf(updateServer(ctx(owner), 'opened', { anonymous: true }))).toBe('FORBIDDEN');
    const opened = await updateServer(ctx(admin), 'opened', { anonymous: true });
    expect(opened).toMatchObject({ anonymous: true });
    expect(await hashOf()).toBe(before);
    const audit = await use()
      .db.select()
      .from(auditLogs)
      .where(eq(auditLogs.resourceId, opened.id))
      .orderBy(desc(auditLogs.id));
    expect(audit[0]).toMatchObject({ action: 'server.updated', after: { anonymous: true } });
    expect(audit[0]?.before).not.toMatchObject({ anonymous: true });
    expect((await loadEndpoints(use().db)).servers.find(({ name }) => name === 'opened')).toMatchObject({
      anonymous: true,
    });
    expect(await listOpen(ctx(admin))).toEqual([{ kind: 'server', name: 'opened' }]);
    // What else is changed of it leaves it open; shutting it takes no more than changing it.
    expect(await updateServer(ctx(owner), 'opened', { description: 'x' })).toMatchObject({ anonymous: true });
    expect(await updateServer(ctx(owner), 'opened', { anonymous: false })).toMatchObject({ anonymous: false });
    await applyImport(ctx(admin), JSON.stringify({ mcpServers: { imported: { command: 'node', anonymous: true } } }));
    expect(await getServer(ctx(admin), 'imported')).toMatchObject({ anonymous: false });
  });

  it('the era of the protocol can be forced where there are two, and null finds it out again', async () => {
    const made = await createServer(ctx(admin), stdio('forced', { era: 'legacy' }));
    expect(made.era).toBe('legacy');
    const hashOf = async () => (await listDesired(use().db, {}, opener)).find(({ name }) => name === 'forced')?.hash;
    const before = await hashOf();
    expect((await updateServer(ctx(admin), 'forced', { era: null })).era).toBe('auto');
    expect(await hashOf()).not.toBe(before);
    expect(await codeOf(updateServer(ctx(admin), 'forced', { era: 'ancient' as never }))).toBe('INVALID_INPUT');
    await updateServer(ctx(admin), 'forced', { era: 'modern' });
    const url = 'http://localhost:1/sse';
    expect(await updateServer(ctx(admin), 'forced', { type: 'sse', url })).toMatchObject({ type: 'sse', era: 'auto' });
    expect(await codeOf(updateServer(ctx(admin), 'forced', { era: 'modern' }))).toBe('INVALID_INPUT');
  });

  it('a stale version is refused and names who changed it', async () => {
    const made = await createServer(ctx(admin), stdio('versioned'));
    await updateServer(ctx(admin), 'versioned', { description: 'one' }, { ifVersion: made.version });
    await expect(
      updateServer(ctx(admin), 'versioned', { description: 'two' }, { ifVersion: made.version }),
    ).rejects.toMatchObject({ code: 'STALE_VERSION', message: expect.stringContaining(admin.name) });
    expect(await codeOf(deleteServer(ctx(admin), 'versioned', { ifVersion: 1 }))).toBe('STALE_VERSION');
    expect(await codeOf(deleteServer(ctx(admin), 'versioned', { ifVersion: 2 }))).toBe('none');
  });

  it('of two changes of one version at once exactly one wins', async () => {
    const { version } = await createServer(ctx(admin), stdio('raced'));
    const codes = await Promise.all(
      ['a', 'b'].map((description) =>
        codeOf(updateServer(ctx(admin), 'raced', { description }, { ifVersion: version })),
      ),
    );
    expect(codes.sort()).toEqual(['STALE_VERSION', 'none']);
  });

  it('start, stop and restart write the wish and hurry the supervisor', async () => {
    await createServer(ctx(admin), stdio('driven'));
    take();
    expect((await stopServer(ctx(admin), 'driven')).desired).toBe('stopped');
    expect((await stopServer(ctx(admin), 'driven')).version).toBe(2);
    expect((await startServer(ctx(admin), 'driven')).desired).toBe('running');
    await startServer(ctx(admin), 'driven');
    await restartServer(ctx(admin), 'driven');
    expect(take().map((event) => event.name)).toEqual([
      'server.updated',
      'server.updated',
      'server.updated',
      'server.restart',
      'server.restart',
    ]);
    await updateServer(ctx(admin), 'driven', { enabled: false });
    expect(await codeOf(startServer(ctx(admin), 'driven'))).toBe('CONFLICT');
  });

  it('a deleted server leaves its groups and frees its name', async () => {
    const { id } = await createServer(ctx(admin), stdio('leaving'));
    await createGroup(ctx(admin), { name: 'left', servers: [{ server: 'leaving', tools: 'all' }] });
    await deleteServer(ctx(admin), 'leaving');
    expect(await use().db.select().from(groupServers).where(eq(groupServers.serverId, id))).toEqual([]);
    expect(await use().db.select().from(groups).where(eq(groups.name, 'left'))).toHaveLength(1);
    expect(await codeOf(createServer(ctx(admin), stdio('leaving')))).toBe('none');
  });

  it('what came by the API is never expanded from the environment of the hub', async () => {
    await createServer(ctx(admin), stdio('literal', { args: ['${SECRET}'], env: { A: '${SECRET:-b}' } }));
    const desired = await listDesired(use().db, { SECRET: 'leaked' }, opener);
    const literal = desired.find((server) => server.name === 'literal');
    expect(literal).toMatchObject({ args: ['${SECRET}'], env: { A: '${SECRET:-b}' }, fault: null, running: true });
    expect(JSON.stringify(desired)).not.toContain('leaked');
  });

  describe('rows of the servers file', () => {
    it('are read-only but can be stopped and started', async () => {
      const { id } = await createServer(ctx(admin), stdio('owned'));
      await use().db.update(servers).set({ source: 'file', sourceFile: '/srv/mcp.json' }).where(eq(servers.id, id));
      await expect(updateServer(ctx(admin), 'owned', { description: 'x' })).rejects.toMatchObject({
        code: 'CONFLICT',
        message: expect.stringContaining('/srv/mcp.json'),
      });
      expect(await codeOf(deleteServer(ctx(admin), 'owned'))).toBe('CONFLICT');
      expect((await stopServer(ctx(admin), 'owned')).desired).toBe('stopped');
      expect((await startServer(ctx(admin), 'owned')).desired).toBe('running');
    });
  });
});

const pem = (kind: string) => `-----BEGIN ${kind}-----\nMIIB\n-----END ${kind}-----\n`;

function remote(name: string, headers: Record<string, string>) {
  return { name, type: 'streamable-http', url: 'http://localhost:1/mcp', headers };
}
