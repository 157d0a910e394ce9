// How a server is signed in to, as a setting: by REST and dashboard, from a file, and as the supervisor gets it.
import { eq } from 'drizzle-orm';
import { beforeAll, expect, it } from 'vitest';
import { auditLogs, servers } from '../../../drizzle/schema';
import type { Actor } from '../../../lib/access/schema';
import type { HubError } from '../../../lib/errors';
import {
  applyImport,
  createServer,
  getServer,
  importConfigFile,
  listDesired,
  planImport,
  updateServer,
} from '../../../lib/servers';
import type { ServerInput } from '../../../lib/servers/schema';
import { eachDatabase } from '../../support/database';
import { bench } from './support';

const url = 'https://mcp.example/mcp';
const remote = (name: string, more: object = {}) => ({ name, type: 'streamable-http', url, ...more }) as ServerInput;
const stdio = (name: string, more: object = {}) => ({ name, type: 'stdio', command: 'node', ...more }) as ServerInput;
const oauth = (more: object = {}) => ({ credential: { kind: 'oauth', per: 'user', ...more } });
const keys = (...fields: object[]) => ({
  credential: { kind: 'static', per: 'user', fields: fields.map((field) => ({ name: 'key', label: 'Key', ...field })) },
});

async function pointersOf(promise: Promise<unknown>) {
  const error = (await promise.then(
    () => ({}),
    (caught: unknown) => caught,
  )) as Partial<HubError>;
  return error.extras?.faults?.map(({ pointer }) => pointer);
}

eachDatabase('the sign-in of a server as a setting', (kind) => {
  const { use, ctx, actor, opener, parts } = bench(kind);
  let admin: Actor;
  const desired = async (name: string) =>
    (await listDesired(use().db, { SECRET: 'from-the-environment' }, opener)).find((each) => each.name === name);

  beforeAll(async () => {
    admin = await actor('admin');
  });

  it('is kept, its secret sealed and masked, and reaches the supervisor opened; null takes it back', async () => {
    await createServer(ctx(admin), remote('one'));
    const before = await desired('one');
    const given = oauth({
      per: 'hub',
      clientId: 'hub',
      clientSecret: 'a-long-client-secret',
      scopes: ['read', 'write'],
    });
    await updateServer(ctx(admin), 'one', given as object);
    const masked = { ...given.credential, clientSecret: '***cret' };
    expect((await getServer(ctx(admin), 'one')).credential).toEqual(masked);
    const [row] = await use().db.select().from(servers).where(eq(servers.name, 'one'));
    expect(JSON.stringify(row)).not.toContain('a-long-client-secret');
    const after = await desired('one');
    expect(after).toMatchObject({ ...given, fault: null });
    expect(after?.hash).not.toBe(before?.hash);
    expect(after?.secretValues).toContain('a-long-client-secret');

    await updateServer(ctx(admin), 'one', { credential: { ...masked, scopes: ['read'] } } as object);
    expect((await desired('one'))?.credential).toMatchObject({
      clientSecret: 'a-long-client-secret',
      scopes: ['read'],
    });
    const [entry] = (await use().db.select().from(auditLogs)).filter(
      ({ action, resourceName }) => action === 'server.updated' && resourceName === 'one',
    );
    expect(entry?.after).toMatchObject({ credential: { kind: 'oauth', clientId: 'hub', clientSecret: '***' } });

    await updateServer(ctx(admin), 'one', { credential: null });
    expect((await getServer(ctx(admin), 'one')).credential).toBeNull();
    expect(await desired('one')).toMatchObject({ credential: null, hash: before?.hash });
  });

  it('takes the secret of its client from the secrets of the server', async () => {
    const credential = { kind: 'oauth', per: 'hub', clientId: 'hub', clientSecret: '${CLIENT}' };
    await createServer(ctx(admin), remote('two', { credential, secrets: { CLIENT: '' } }));
    expect((await getServer(ctx(admin), 'two')).credential).toEqual(credential);
    expect((await desired('two'))?.fault).toContain('"CLIENT"');
    await updateServer(ctx(admin), 'two', { secrets: { CLIENT: 'the-secret' } });
    expect(await desired('two')).toMatchObject({ fault: null, credential: { clientSecret: 'the-secret' } });
  });

  it('gives each user a connection of its own', async () => {
    await createServer(ctx(admin), remote('three', oauth()));
    expect(await desired('three')).toMatchObject({ isolation: 'user' });
  });

  it('is refused at its place where it cannot work', async () => {
    const faults = (server: ServerInput) => pointersOf(createServer(ctx(admin), server));
    expect(await faults(stdio('bad', oauth()))).toContain('/credential/kind');
    expect(await faults(stdio('bad', keys({ env: 'KEY' })))).toEqual(['/isolation']);
    const own = { isolation: 'user' };
    const field = '/credential/fields/0';
    for (const env of ['NODE_OPTIONS', 'LD_PRELOAD', 'MCPHUB_INSTANCE', 'A=B', 'A B']) {
      expect(await faults(stdio('bad', { ...own, ...keys({ env }) }))).toEqual([`${field}/env`]);
    }
    expect(await faults(stdio('bad', { ...own, ...keys({ header: 'X-Key' }) }))).toEqual([`${field}/header`]);
    expect(await faults(stdio('bad', { ...own, ...keys({}) }))).toEqual([`${field}/env`]);
    expect(await faults(stdio('bad', { ...own, env: { KEY: 'x' }, ...keys({ env: 'KEY' }) }))).toEqual([
      `${field}/env`,
    ]);
    expect(await faults(stdio('bad', { ...own, warmInstances: 1, ...keys({ env: 'KEY' }) }))).toEqual([
      '/warmInstances',
    ]);
    for (const header of ['Host', 'Content-Length', 'Mcp-Session-Id', 'accept', 'X Y', 'a:b', '']) {
      expect(await faults(remote('bad', keys({ header })))).toEqual([`${field}/header`]);
    }
    expect(await faults(remote('bad', keys({ env: 'KEY' })))).toEqual([`${field}/env`]);
    const taken = { headers: { 'x-key': 'v' }, ...keys({ header: 'X-Key' }) };
    expect(await faults(remote('bad', taken))).toEqual([`${field}/header`]);
    expect(await faults(remote('bad', keys({ header: 'X-A' }, { header: 'X-B' })))).toEqual([
      '/credential/fields/1/name',
    ]);
    const twice = keys({ header: 'X-A' }, { name: 'other', header: 'x-a' });
    expect(await faults(remote('bad', twice))).toEqual(['/credential/fields/1/header']);
    expect(await faults(remote('bad', { headers: { authorization: 'x' }, ...oauth() }))).toEqual([
      '/headers/authorization',
    ]);
    expect(await faults(remote('bad', oauth({ clientSecret: 'x' })))).toEqual(['/credential/clientSecret']);
    const foreign = oauth({ clientId: 'x', clientSecret: '${OTHER}' });
    expect(await faults(remote('bad', foreign))).toEqual(['/credential/clientSecret']);
    const masked = oauth({ clientId: 'x', clientSecret: '***1234' });
    expect(await faults(remote('bad', masked))).toEqual(['/credential/clientSecret']);
    for (const issuer of [
      'http://as.example',
      'https://a:b@as.example',
      'https://as.example?x',
      'https://169.254.169.254',
    ]) {
      expect(await faults(remote('bad', oauth({ issuer })))).toEqual(['/credential/issuer']);
    }
    expect(await faults(remote('bad', oauth({ scopes: ['a b'] })))).toEqual(['/credential/scopes/0']);
    const endpoints = [{ url: 'https://two.example/mcp', weight: 1 }];
    expect(await faults(remote('bad', { endpoints, ...oauth() }))).toEqual(['/endpoints']);
    const api = { name: 'bad', type: 'openapi', openapi: { documentUrl: 'https://api.example/v3.json' }, ...oauth() };
    expect(await faults(api as unknown as ServerInput)).toEqual(['']);
  });

  it('goes when the server becomes one of another type', async () => {
    await createServer(ctx(admin), remote('four', oauth()));
    await updateServer(ctx(admin), 'four', { type: 'stdio', command: 'node' });
    expect(await getServer(ctx(admin), 'four')).toMatchObject({ type: 'stdio', credential: null });
  });

  it('comes with an entry of a pasted file, whose secret is shown masked', async () => {
    const { credential } = oauth({ clientId: 'pasted', clientSecret: 'a-long-client-secret' });
    const text = JSON.stringify({ mcpServers: { pasted: { url, credential } } });
    const plan = await planImport(ctx(admin), text);
    expect(plan.rows[0]?.server).toMatchObject({ credential: { clientSecret: '***cret' } });
    await applyImport(ctx(admin), text);
    expect((await desired('pasted'))?.credential).toEqual(credential);
    const referring = { url, credential: { ...credential, clientSecret: '${CLIENT}' } };
    await applyImport(ctx(admin), JSON.stringify({ mcpServers: { referring } }));
    expect(await getServer(ctx(admin), 'referring')).toMatchObject({ secrets: { CLIENT: '' } });
  });

  it('of the servers file is filled in from the environment, and a bad one is said with its place', async () => {
    const { credential } = oauth({ clientId: 'file', clientSecret: '${SECRET}' });
    const bad = { command: 'node', ...keys({ env: 'LD_PRELOAD' }) };
    const text = JSON.stringify({ mcpServers: { filed: { url, credential }, bad } });
    const { faults } = await importConfigFile(parts(), '/etc/servers.json', text);
    expect(faults[0]).toContain('credential.fields.0.env');
    expect((await desired('filed'))?.credential).toMatchObject({ clientSecret: 'from-the-environment' });
  });
});
