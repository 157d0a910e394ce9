// Secrets of a server, from the verb that stores them to the process and the request that get them: where they arrive,
// and where they never appear.
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { auditLogs, requestLogs, servers } from '../../../drizzle/schema';
import type { Actor } from '../../../lib/access/schema';
import type { HubError } from '../../../lib/errors';
import { createLog } from '../../../lib/log';
import {
  applyImport,
  createServer,
  type DesiredServer,
  getServer,
  importConfigFile,
  listDesired,
  planImport,
  updateServer,
} from '../../../lib/servers';
import type { ServerInput } from '../../../lib/servers/schema';
import { createCallLog } from '../../../lib/telemetry/call-log';
import { knowSecrets } from '../../../lib/telemetry/redact';
import { eachDatabase } from '../../support/database';
import { startHttpFixture, stdioFixture, supervise, until } from '../../support/upstreams';
import { bench, codeOf } from './support';

const secret = 'planted (secret) value+1';

const stdio = (name: string, more: Partial<ServerInput> = {}) =>
  ({ name, type: 'stdio', command: process.execPath, args: [stdioFixture, 'good'], ...more }) as ServerInput;
const remote = (name: string, more: Partial<ServerInput> = {}) =>
  ({ name, type: 'streamable-http', url: 'http://127.0.0.1:9/mcp', ...more }) as ServerInput;

async function faultsOf(promise: Promise<unknown>) {
  const error = (await promise.then(
    () => ({}),
    (caught: unknown) => caught,
  )) as Partial<HubError>;
  return error.extras?.faults?.map(({ pointer, detail }) => `${pointer}: ${detail}`);
}

eachDatabase('secrets of servers', (kind) => {
  const { use, ctx, actor, parts, opened, opener } = bench(kind);
  let admin: Actor;
  let manager: Actor;
  let fixture: Awaited<ReturnType<typeof startHttpFixture>>;

  beforeAll(async () => {
    [admin, manager] = await Promise.all([actor('admin'), actor('manager')]);
    fixture = await startHttpFixture();
  });
  afterAll(async () => {
    knowSecrets([]);
    await fixture.stop();
  });

  const desiredOf = async (name: string, env = {}) =>
    (await listDesired(use().db, env, opener)).find((each) => each.name === name) as DesiredServer;

  it('a reference to a secret that is missing is refused with the field and the name', async () => {
    expect(await faultsOf(createServer(ctx(admin), remote('a', { headers: { 'X-Key': 'k ${API_KEY}' } })))).toEqual([
      expect.stringMatching(/^\/headers\/X-Key: refers to the secret "API_KEY", which this server does not have/),
    ]);
    expect(await faultsOf(createServer(ctx(admin), stdio('a', { env: { A: '${B}' }, secrets: { C: 'd' } })))).toEqual([
      expect.stringMatching(/^\/env\/A: refers to the secret "B"/),
    ]);
    expect(await codeOf(createServer(ctx(admin), stdio('text', { env: { A: '$${B}' } })))).toBe('none');
    expect((await desiredOf('text')).env).toEqual({ A: '${B}' });
  });

  it.each([
    ['a name with a dash', { 'A-B': 'x' }, '/secrets/A-B'],
    ['a name that is too long', { [`A${'x'.repeat(64)}`]: 'x' }, '/secrets'],
    ['a name that begins with a digit', { '1A': 'x' }, '/secrets/1A'],
    ['a mask', { A: '***cret' }, '/secrets/A'],
    ['a value that is too long', { A: 'x'.repeat(8193) }, '/secrets/A'],
    ['a line break where a header uses it', { KEY: 'one\r\nX-Other: two' }, '/secrets/KEY'],
  ])('%s is refused', async (_what, secrets, pointer) => {
    const headers: Record<string, string> = 'KEY' in secrets ? { 'X-Key': '${KEY}' } : {};
    expect(await faultsOf(createServer(ctx(admin), remote('bad', { headers, secrets })))).toEqual([
      expect.stringContaining(pointer),
    ]);
  });

  it('are masked, merged by name, kept when their mask comes back, and never in the audit trail', async () => {
    const secrets = { TOKEN: secret, OTHER: 'other-value-1234', EMPTY: '' };
    const made = await createServer(ctx(admin), remote('masked', { headers: { 'X-Key': '${TOKEN}' }, secrets }));
    expect(made.secrets).toEqual({ TOKEN: '***ue+1', OTHER: '***1234', EMPTY: '' });
    const changed = await updateServer(ctx(admin), 'masked', { secrets: { TOKEN: '***ue+1', OTHER: null, NEW: 'n' } });
    expect(changed.secrets).toEqual({ TOKEN: '***ue+1', EMPTY: '', NEW: '***' });
    const [row] = await use().db.select().from(servers).where(eq(servers.id, made.id));
    expect((await opened(row))?.secrets).toEqual({ TOKEN: secret, EMPTY: '', NEW: 'n' });
    expect(JSON.stringify(row)).not.toContain('planted');
    expect(await faultsOf(updateServer(ctx(admin), 'masked', { secrets: { TOKEN: null } }))).toEqual([
      expect.stringContaining('/headers/X-Key: refers to the secret "TOKEN"'),
    ]);
    const audit = await use().db.select().from(auditLogs).where(eq(auditLogs.resourceId, made.id));
    expect(audit).toHaveLength(2);
    expect(JSON.stringify(audit)).not.toContain('planted');
    expect(audit[0]?.after).toMatchObject({ secrets: { TOKEN: '***' } });
  });

  it('only who may start programs may change what a program is given', async () => {
    await createServer(ctx(admin), stdio('program', { env: { A: '${T}' }, secrets: { T: 'first' } }));
    expect(await codeOf(updateServer(ctx(manager), 'program', { secrets: { T: 'second' } }))).not.toBe('none');
  });

  it('another value is another hash, and the environment of the hub is never read', async () => {
    await createServer(ctx(admin), stdio('hashed', { env: { A: 'x-${HOME}' }, secrets: { HOME: 'one', UNUSED: 'u' } }));
    const before = await desiredOf('hashed', { HOME: '/root' });
    expect(before.env).toEqual({ A: 'x-one' });
    await updateServer(ctx(admin), 'hashed', { secrets: { UNUSED: 'v' } });
    expect((await desiredOf('hashed')).hash).toBe(before.hash);
    await updateServer(ctx(admin), 'hashed', { secrets: { HOME: 'two' } });
    expect((await desiredOf('hashed')).hash).not.toBe(before.hash);
  });

  it('a secret without a value keeps the server from starting, and says which', async () => {
    await createServer(ctx(admin), stdio('waiting', { env: { A: '${LATER}' }, secrets: { LATER: '' } }));
    expect((await desiredOf('waiting', { LATER: 'from the hub' })).fault).toContain('"LATER", which "A" refers to');
    await updateServer(ctx(admin), 'waiting', { secrets: { LATER: 'now' } });
    expect(await desiredOf('waiting')).toMatchObject({ fault: null, env: { A: 'now' } });
  });

  it('a pasted reference becomes a secret that waits for its value, and keeps it when it is pasted again', async () => {
    const text = JSON.stringify({
      mcpServers: { pasted: { url: 'https://one.example/mcp', headers: { A: 'B ${KEY}', C: '${input:x}' } } },
    });
    const [row] = (await planImport(ctx(admin), text)).rows;
    expect(row?.server?.secrets).toEqual({ KEY: '' });
    expect(row?.warnings).toEqual([expect.stringContaining('"KEY"'), expect.stringContaining('${input:x}')]);
    await applyImport(ctx(admin), text);
    await updateServer(ctx(admin), 'pasted', { secrets: { KEY: secret } });
    expect((await planImport(ctx(admin), text)).rows[0]?.state).toBe('unchanged');
    const other = text.replace('one.example', 'two.example');
    await applyImport(ctx(admin), other, { pasted: 'rename' });
    expect((await getServer(ctx(admin), 'pasted-2')).secrets).toEqual({ KEY: '' });
    await applyImport(ctx(admin), other, { pasted: 'overwrite' });
    expect((await desiredOf('pasted')).headers.A).toBe(`B ${secret}`);
  });

  it("the operator's own file still sees the environment of the hub", async () => {
    const entry = { command: 'x', env: { A: '${FROM_HUB}', B: '${OWN}' }, secrets: { OWN: 'mine' } };
    await importConfigFile(parts(), '/srv/mcp.json', JSON.stringify({ mcpServers: { 'of-file': entry } }));
    expect(await desiredOf('of-file', { FROM_HUB: 'h', OWN: 'theirs' })).toMatchObject({
      env: { A: 'h', B: 'mine' },
      fault: null,
    });
    await importConfigFile(parts(), '/srv/mcp.json', '{}');
  });

  it('reach the process and the request, and no log, state or record of a call', async () => {
    const say = `process.stderr.write('token is ' + process.env.TOKEN + '\\n'); process.exit(3)`;
    const shared = { secrets: { TOKEN: secret } };
    await createServer(ctx(admin), stdio('given', { env: { TOKEN: '${TOKEN}' }, ...shared }));
    await createServer(ctx(admin), stdio('talking', { args: ['-e', say], env: { TOKEN: '${TOKEN}' }, ...shared }));
    await createServer(
      ctx(admin),
      remote('asked', { url: `${fixture.url}/mcp`, headers: { 'X-Key': 'k-${TOKEN}' }, ...shared }),
    );
    const names = new Set(['given', 'talking', 'asked']);
    const { supervisor } = supervise([], {
      loadDesired: async () => {
        const all = (await listDesired(use().db, {}, opener)).filter(({ name }) => names.has(name));
        knowSecrets(all);
        return all;
      },
    });
    try {
      await supervisor.start();
      const status = (name: string) => supervisor.statuses().find((each) => each.name === name);
      await until('all are up or down', () => {
        const ready = ['given', 'asked'].every((name) => status(name)?.state === 'ready');
        return ready && status('talking')?.lastExit !== null && status('talking')?.lastExit !== undefined;
      });
      const given = status('given')?.id ?? '';
      const { answer } = supervisor.upstreamOf(given).call('tools/call', { name: 'env' }, { timeoutMs: 5_000 });
      expect(JSON.stringify((await answer).value)).toContain(secret);
      const seen = (await (await fetch(`${fixture.url}/control/seen`)).json()) as { headers: Record<string, string> }[];
      expect(seen.at(-1)?.headers['x-key']).toBe(`k-${secret}`);

      const talking = status('talking');
      expect(talking?.message).toContain('token is [redacted]');
      expect(talking?.lastExit?.stderr).toEqual(['token is [redacted]']);
      const logs = await Promise.all([...names].map((name) => supervisor.logs(status(name)?.id ?? '', 0, 1_000)));
      expect(JSON.stringify([supervisor.statuses(), logs])).not.toContain('planted');

      const calls = createCallLog(use().db, createLog('test', 'silent'));
      calls.record({
        at: new Date(),
        requestId: 'planted-call',
        actor: 'someone',
        endpoint: '/api/mcp',
        serverId: given,
        server: 'given',
        tool: 'echo',
        outcome: 'error',
        errorMessage: `no: ${secret}`,
        durationMs: 1,
        requestBytes: 1,
        responseBytes: 1,
        arguments: { text: `say ${secret} twice` },
      });
      await calls.close();
      const [record] = await use().db.select().from(requestLogs).where(eq(requestLogs.requestId, 'planted-call'));
      expect(record).toMatchObject({ errorMessage: 'no: [redacted]', arguments: { text: 'say [redacted] twice' } });
    } finally {
      await supervisor.stop();
    }
  });
});
