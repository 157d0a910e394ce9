// What users enter for servers: stored for them alone, seen as far as rights go, and gone with what it belongs to.
import { createHash, randomUUID } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { beforeEach, expect, it } from 'vitest';
import {
  auditLogs,
  groups,
  type StoredValues,
  servers,
  upstreamClients,
  upstreamCredentials,
  upstreamSignIns,
  users,
} from '../../../drizzle/schema';
import { deleteUser } from '../../../lib/access';
import { createKeyring } from '../../../lib/access/keyring';
import type { Actor } from '../../../lib/access/schema';
import { createVault } from '../../../lib/access/vault/seal';
import {
  deleteConnection,
  deleteServerConnection,
  getConnection,
  listConnections,
  listServerConnections,
  requireSignIn,
  serverOfSignIn,
  setConnection,
} from '../../../lib/credentials';
import { placeOfCredential } from '../../../lib/credentials/sealed';
import { createGroup, createServer, deleteServer, updateServer } from '../../../lib/servers';
import { rotateSecrets } from '../../../lib/servers/resealing';
import type { ServerInput } from '../../../lib/servers/schema';
import { eachDatabase } from '../../support/database';
import { bench, codeOf, keyring } from '../servers/support';

const fields = [
  { name: 'key', label: 'API key', header: 'Authorization', prefix: 'Bearer ' },
  { name: 'team', label: 'Team', header: 'X-Team' },
];
const remote = (name: string, more: object = {}) =>
  ({
    name,
    type: 'streamable-http',
    url: 'https://mcp.example:8443/mcp',
    credential: { kind: 'static', per: 'user', fields },
    ...more,
  }) as ServerInput;
const oauth = { kind: 'oauth', per: 'user' } as const;
const values = { key: 'planted-value-of-a-key-1', team: 'planted-value-of-a-team-2' };
const planted = Object.values(values);

eachDatabase('connections', (kind) => {
  const { use, ctx, actor, take, opener, vault } = bench(kind);
  let admin: Actor;
  let ada: Actor;
  let bob: Actor;

  beforeEach(async () => {
    const { db } = use();
    await db.delete(servers);
    await db.delete(groups);
    await db.delete(users);
    [admin, ada, bob] = [await actor('admin'), await actor('user'), await actor('manager')];
    await createServer(ctx(admin), remote('notes'));
    await createServer(ctx(admin), remote('plain', { credential: undefined }));
    const members = [
      (
        await db
          .select()
          .from(users)
          .where(eq(users.id, ada.userId ?? ''))
      )[0]?.username ?? '',
    ];
    const group = await createGroup(ctx(admin), {
      name: 'team',
      members,
      servers: [
        { server: 'notes', tools: 'all' },
        { server: 'plain', tools: 'all' },
      ],
    });
    ada = { ...ada, groupIds: [group.id] };
    take();
  });

  const rows = () => use().db.select().from(upstreamCredentials);
  const opened = async () => {
    const open = await opener.begin(use().db);
    return (await rows()).map((row) =>
      Object.fromEntries(
        Object.entries(row.values).map(([name, value]) => [
          name,
          typeof value === 'string'
            ? value
            : open(placeOfCredential('upstream_credentials', row.id, name), value.sealed),
        ]),
      ),
    );
  };
  const code = (promise: Promise<unknown>) => codeOf(promise);
  const seal = async (table: string, id: string, name: string, value: string): Promise<StoredValues> => ({
    [name]: { ...(await vault.sealer(use().db)).seal(placeOfCredential(table, id, name), value), mask: '***' },
  });

  it('are of the one who made them: stored sealed, changed field by field, told without values', async () => {
    expect(await listConnections(ctx(ada))).toMatchObject([
      { server: 'notes', kind: 'static', state: 'missing', host: 'mcp.example:8443', since: null },
    ]);
    expect(await setConnection(ctx(ada), 'notes', { values: { key: values.key } })).toMatchObject({
      state: 'missing',
      reason: '"Team" still to be entered.',
      fields: [
        { name: 'key', stored: true },
        { name: 'team', stored: false },
      ],
    });
    const whole = await setConnection(ctx(ada), 'NOTES', { values: { team: ` ${values.team}\n` } });
    expect(whole).toMatchObject({ state: 'connected', reason: null });
    expect(await opened()).toEqual([values]);
    expect(take()).toEqual([
      { name: 'credential.changed', payload: { serverId: expect.any(String), userId: ada.userId } },
      { name: 'credential.changed', payload: { serverId: expect.any(String), userId: ada.userId } },
    ]);
    expect(await getConnection(ctx(bob), 'notes')).toMatchObject({ state: 'missing', since: null });
    await setConnection(ctx(bob), 'notes', { values: { ...values, key: 'Bearer  another-key' } });
    expect(await opened()).toEqual(expect.arrayContaining([values, { ...values, key: 'another-key' }]));

    const told = [whole, await listConnections(ctx(ada)), await listServerConnections(ctx(admin), 'notes')];
    const trail = await use().db.select().from(auditLogs);
    expect(trail.filter(({ action }) => action === 'credential.stored')).toHaveLength(3);
    for (const text of [JSON.stringify(told), JSON.stringify(trail), JSON.stringify(await rows())]) {
      expect(planted.filter((value) => text.includes(value))).toEqual([]);
    }
  });

  it('set at once by one user are one row with what came', async () => {
    const set = (value: string) => setConnection(ctx(ada), 'notes', { values: { ...values, key: value } });
    await Promise.all(['a', 'b', 'c', 'd'].map(set));
    expect(await rows()).toHaveLength(1);
    expect(['a', 'b', 'c', 'd']).toContain((await opened())[0]?.key);
  });

  it('end when they are forgotten, and there is nothing to forget twice', async () => {
    await setConnection(ctx(ada), 'notes', { values });
    await setConnection(ctx(bob), 'notes', { values });
    take();
    await deleteConnection(ctx(ada), 'notes');
    expect(take()).toEqual([
      { name: 'credential.changed', payload: { serverId: expect.any(String), userId: ada.userId } },
    ]);
    expect((await rows()).map(({ userId }) => userId)).toEqual([bob.userId]);
    expect(await code(deleteConnection(ctx(ada), 'notes'))).toBe('NOT_FOUND');
  });

  it('refuse what does not fit, at its place', async () => {
    const refused = async (given: object) => {
      const error = await setConnection(ctx(ada), 'notes', given as never).catch((caught: unknown) => caught);
      return (error as { extras?: { faults?: { pointer: string }[] } }).extras?.faults?.map(({ pointer }) => pointer);
    };
    expect(await refused({ values: { other: 'x' } })).toEqual(['/values/other']);
    expect(await refused({ values: { constructor: 'x', key: 'v' } })).toEqual(['/values/constructor']);
    expect(await refused({ values: { key: 'a\nb' } })).toEqual(['/values/key']);
    expect(await refused({ values: { key: ' ' } })).toEqual(['/values/key']);
    expect(await refused({ values: { key: 'x'.repeat(8193) } })).toEqual(['/values/key']);
    expect(await refused({ values: {} })).toEqual(['/values']);
    expect(await refused({ values: { key: 'x' }, user: 'bob' })).toEqual(['']);
    await updateServer(ctx(admin), 'notes', { credential: oauth });
    expect(await code(setConnection(ctx(ada), 'notes', { values }))).toBe('CONFLICT');
    expect(await rows()).toEqual([]);
  });

  it('to what cannot be seen, or needs none, are as absent; keys with a scope and strangers make none', async () => {
    const stranger = await actor('user');
    for (const name of ['notes', 'absent']) {
      expect(await code(getConnection(ctx(stranger), name))).toBe('NOT_FOUND');
      expect(await code(setConnection(ctx(stranger), name, { values }))).toBe('NOT_FOUND');
      expect(await code(deleteConnection(ctx(stranger), name))).toBe('NOT_FOUND');
    }
    expect(await listConnections(ctx(stranger))).toEqual([]);
    expect(await code(setConnection(ctx(ada), 'plain', { values }))).toBe('NOT_FOUND');
    expect(await code(getConnection(ctx(ada), 'plain'))).toBe('NOT_FOUND');
    const key = { ...ada, kind: 'key' as const, id: randomUUID(), keyScope: { servers: ['notes'] } };
    expect(await listConnections(ctx(key))).toHaveLength(1);
    expect(await code(setConnection(ctx(key), 'notes', { values }))).toBe('FORBIDDEN');
    const nobody = { ...admin, kind: 'system' as const, userId: null };
    expect(await code(setConnection(ctx(nobody), 'notes', { values }))).toBe('FORBIDDEN');
    expect(await listConnections(ctx(nobody))).toMatchObject([{ state: 'missing' }]);
    expect(await rows()).toEqual([]);
  });

  it('are listed and taken away by who may change the server, and no other', async () => {
    await setConnection(ctx(ada), 'notes', { values });
    const [stored] = await listServerConnections(ctx(admin), 'notes');
    expect(stored).toMatchObject({ kind: 'static', state: 'connected', user: expect.stringContaining('user-') });
    const id = stored?.id ?? '';
    for (const other of [ada, bob]) {
      expect(await code(listServerConnections(ctx(other), 'notes'))).toBe('FORBIDDEN');
      expect(await code(deleteServerConnection(ctx(other), 'notes', id))).toBe('FORBIDDEN');
    }
    // Who may change it but see no users, sees no connections of theirs.
    const builder = {
      ...bob,
      permissions: [{ resource: 'server' as const, action: '*' as const, scope: 'all' as const }],
    };
    expect(await listServerConnections(ctx(builder), 'notes')).toEqual([]);
    expect(await code(deleteServerConnection(ctx(builder), 'notes', id))).toBe('NOT_FOUND');
    expect(await code(deleteServerConnection(ctx(admin), 'plain', id))).toBe('NOT_FOUND');
    for (const wrong of ['x', randomUUID()]) {
      expect(await code(deleteServerConnection(ctx(admin), 'notes', wrong))).toBe('NOT_FOUND');
    }
    take();
    await deleteServerConnection(ctx(admin), 'notes', id);
    expect(take()).toEqual([
      { name: 'credential.changed', payload: { serverId: expect.any(String), userId: ada.userId } },
    ]);
    expect(await rows()).toEqual([]);
  });

  it('go with the user, and connections that use them are told to end', async () => {
    await setConnection(ctx(ada), 'notes', { values });
    take();
    await deleteUser(ctx(admin), ada.userId ?? '');
    expect(await rows()).toEqual([]);
    expect(take()).toContainEqual({
      name: 'credential.changed',
      payload: { serverId: expect.any(String), userId: ada.userId },
    });
  });

  it('go with the server', async () => {
    await setConnection(ctx(ada), 'notes', { values });
    await deleteServer(ctx(admin), 'notes');
    expect(await rows()).toEqual([]);
  });

  it('do not follow the server to another address, or to another way of signing in', async () => {
    const kept = async (patch: object) => {
      await setConnection(ctx(ada), 'notes', { values });
      await updateServer(ctx(admin), 'notes', patch);
      return (await rows()).length > 0;
    };
    expect(await kept({ description: 'other', url: 'https://mcp.example:8443/v2' })).toBe(true);
    expect(await kept({ credential: { kind: 'static', per: 'user', fields: fields.slice(0, 1) } })).toBe(true);
    await updateServer(ctx(admin), 'notes', { credential: { kind: 'static', per: 'user', fields } } as object);
    expect(await kept({ url: 'https://evil.example/mcp' })).toBe(false);
    expect(await kept({ url: 'http://evil.example/mcp' })).toBe(false);
    expect(await kept({ credential: oauth })).toBe(false);
  });

  it('by OAuth are begun by who sees the server, for all callers by who may change it', async () => {
    await updateServer(ctx(admin), 'notes', { credential: oauth });
    const own = { serverId: expect.any(String), startedBy: ada.userId, forUser: true };
    expect(await requireSignIn(ctx(ada), 'notes', {})).toEqual(own);
    expect(await code(requireSignIn(ctx(admin), 'notes', { for: 'hub' }))).toBe('CONFLICT');
    expect(await code(requireSignIn(ctx(await actor('user')), 'notes', {}))).toBe('NOT_FOUND');
    const key = { ...ada, kind: 'key' as const, id: randomUUID(), keyScope: { servers: ['notes'] } };
    expect(await code(requireSignIn(ctx(key), 'notes', {}))).toBe('FORBIDDEN');
    expect(await code(requireSignIn(ctx(admin), 'plain', {}))).toBe('CONFLICT');

    await updateServer(ctx(admin), 'notes', { credential: { ...oauth, per: 'hub' } });
    expect(await requireSignIn(ctx(admin), 'notes', { for: 'hub' })).toMatchObject({ forUser: false });
    expect(await code(requireSignIn(ctx(ada), 'notes', { for: 'hub' }))).toBe('FORBIDDEN');
    expect(await code(requireSignIn(ctx(ada), 'notes', {}))).toBe('CONFLICT');
    expect(await getConnection(ctx(admin), 'notes')).toMatchObject({ per: 'hub', state: 'missing' });
    expect(await code(getConnection(ctx(ada), 'notes'))).toBe('NOT_FOUND');
    expect(await listConnections(ctx(admin))).toEqual([]);

    await updateServer(ctx(admin), 'notes', { credential: { kind: 'static', per: 'user', fields } } as object);
    expect(await code(requireSignIn(ctx(ada), 'notes', {}))).toBe('CONFLICT');
  });

  it('are ended by who began them alone, while the right to it lasts', async () => {
    const [server] = await use().db.select().from(servers).where(eq(servers.name, 'notes'));
    const begin = async (state: string, startedBy: string | null, userId: string | null) => {
      const id = randomUUID();
      await use()
        .db.insert(upstreamSignIns)
        .values({
          id,
          stateHash: createHash('sha256').update(state).digest('hex'),
          serverId: server?.id ?? '',
          startedBy: startedBy ?? '',
          userId,
          ...{ issuer: 'https://as.example', clientId: 'c', redirectUri: 'https://hub.example/', resource: 'x' },
          values: await seal('upstream_sign_ins', id, 'verifier', 'verifier'),
          expiresAt: new Date(Date.now() + 60_000),
        });
    };
    await begin('of-ada', ada.userId, ada.userId);
    await begin('of-all', ada.userId, null);
    expect(await serverOfSignIn(ctx(ada), 'of-ada')).toBe('notes');
    expect(await serverOfSignIn(ctx(admin), 'of-ada')).toBeNull();
    expect(await serverOfSignIn(ctx(ada), 'of-all')).toBeNull();
    expect(await serverOfSignIn(ctx({ ...ada, groupIds: [] }), 'of-ada')).toBeNull();
    expect(await serverOfSignIn(ctx(ada), 'unknown')).toBeNull();
  });

  it('are put under a new key with all others, and say so when their key is lost', async () => {
    const { db } = use();
    await setConnection(ctx(ada), 'notes', { values });
    const [server] = await db.select().from(servers).where(eq(servers.name, 'notes'));
    const [clientRow, signInRow] = [randomUUID(), randomUUID()];
    const client = { id: clientRow, issuer: 'https://as.example', redirectUri: 'https://hub.example/', clientId: 'c' };
    await db
      .insert(upstreamClients)
      .values({ ...client, values: await seal('upstream_clients', clientRow, 'clientSecret', 'secret') });
    await db.insert(upstreamSignIns).values({
      id: signInRow,
      stateHash: randomUUID(),
      serverId: server?.id ?? '',
      startedBy: ada.userId ?? '',
      ...{ issuer: client.issuer, clientId: 'c', redirectUri: client.redirectUri, resource: 'https://mcp.example' },
      values: await seal('upstream_sign_ins', signInRow, 'verifier', 'verifier'),
      expiresAt: new Date(Date.now() + 60_000),
    });
    const source = { actor: { kind: 'system', id: 'test', name: 'test' }, requestId: 'r' };
    const { key, values: count, closed } = await rotateSecrets(db, keyring, source);
    expect([count, closed]).toEqual([4, 0]);
    const all = [
      ...(await rows()),
      ...(await db.select().from(upstreamClients)),
      ...(await db.select().from(upstreamSignIns)),
    ];
    const envelopes = all.flatMap((row) =>
      Object.values(row.values).map((value) => (value as { sealed: string }).sealed),
    );
    expect(envelopes.map((sealed) => sealed.split('.')[1])).toEqual([key, key, key, key]);
    expect(await opened()).toEqual([values]);
    await db.delete(upstreamClients);

    const lost = createVault(createKeyring(Buffer.from('another key, of 32 bytes in all.')));
    const elsewhere = { ...ctx(ada), vault: lost };
    expect(await getConnection(elsewhere, 'notes')).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining('master key'),
    });
    expect(await listServerConnections({ ...ctx(admin), vault: lost }, 'notes')).toMatchObject([{ state: 'failed' }]);
    expect(await setConnection(elsewhere, 'notes', { values })).toMatchObject({ state: 'connected', reason: null });
  });
});
