import { expect, it } from 'vitest';
import { apiKeys, auditLogs } from '../../../drizzle/schema';
import { createKey, listKeys, revokeKey, rotateKey } from '../../../lib/access';
import { anonymousActor } from '../../../lib/access/identities';
import { hashSecret } from '../../../lib/access/secrets';
import { eachDatabase } from '../../support/database';
import { accessFixture } from './fixture';

const tomorrow = () => new Date(Date.now() + 86_400_000).toISOString();

eachDatabase('API keys', (kind) => {
  const fixture = accessFixture(kind);

  it('are shown once and stored as a hash', async () => {
    const ada = await fixture.addUser('ada', 'user');
    const { key, secret } = await createKey(ada, { name: ' laptop ', scope: { servers: ['GitHub'] } });
    expect(key).toMatchObject({ name: 'laptop', owner: 'ada', scope: { servers: ['github'] }, revokedAt: null });
    expect(secret.startsWith(key.prefix)).toBe(true);
    const stored = await fixture.database.db.select().from(apiKeys);
    expect(stored).toMatchObject([{ secretHash: hashSecret(secret) }]);
    expect(JSON.stringify([stored, await fixture.database.db.select().from(auditLogs)])).not.toContain(secret);
  });

  it('are listed to their owner, and all of them to an admin', async () => {
    const [ada, bob, root] = [
      await fixture.addUser('ada', 'user'),
      await fixture.addUser('bob', 'user'),
      await fixture.addUser('root', 'admin'),
    ];
    await createKey(ada, { name: 'a' });
    await createKey(bob, { name: 'b' });
    expect((await listKeys(ada)).map(({ name }) => name)).toEqual(['a']);
    expect((await listKeys(root)).map(({ name }) => name).sort()).toEqual(['a', 'b']);
    await expect(listKeys({ ...ada, actor: anonymousActor })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('are revoked by their owner or an admin; for everybody else they do not exist', async () => {
    const [ada, bob, root] = [
      await fixture.addUser('ada', 'user'),
      await fixture.addUser('bob', 'manager'),
      await fixture.addUser('root', 'admin'),
    ];
    const { key } = await createKey(ada, { name: 'a' });
    const { key: second } = await createKey(ada, { name: 'b' });
    await expect(revokeKey(bob, key.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await revokeKey(ada, key.id);
    await revokeKey(root, second.id);
    expect((await listKeys(ada)).every(({ revokedAt }) => revokedAt !== null)).toBe(true);
  });

  it.each(['x', '../..', '00000000-0000-4000-8000-000000000000', "'; drop table users"])(
    'with the id %s do not exist',
    async (id) => {
      const root = await fixture.addUser('root', 'admin');
      await expect(revokeKey(root, id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    },
  );

  it('revoked twice, also at once, leave one audit row and keep the first date', async () => {
    const ada = await fixture.addUser('ada', 'user');
    const { key } = await createKey(ada, { name: 'a' });
    await Promise.all([revokeKey(ada, key.id), revokeKey(ada, key.id)]);
    const [before] = await listKeys(ada);
    await revokeKey(ada, key.id);
    expect(await listKeys(ada)).toEqual([before]);
    const actions = (await fixture.database.db.select().from(auditLogs)).map(({ action }) => action);
    expect(actions.filter((action) => action === 'key.revoked')).toHaveLength(1);
  });

  it('tell the other processes the moment they are made or revoked', async () => {
    const ada = await fixture.addUser('ada', 'user');
    const heard: unknown[] = [];
    fixture.bus.on('key.created', (payload) => void heard.push(payload));
    fixture.bus.on('key.revoked', (payload) => void heard.push(payload));
    const { key, secret } = await createKey(ada, { name: 'a' });
    await revokeKey(ada, key.id);
    const userId = ada.actor.userId;
    expect(heard).toEqual([
      { id: key.id, userId },
      { id: key.id, userId, secretHash: hashSecret(secret) },
    ]);
  });

  it.each([
    ['no name', { name: ' ' }, '/name'],
    ['an expiry in the past', { name: 'a', expiresAt: '2020-01-01T00:00:00Z' }, '/expiresAt'],
    ['an expiry that is no time', { name: 'a', expiresAt: 'tomorrow' }, '/expiresAt'],
    ['a field of the server', { name: 'a', userId: 'x' }, ''],
  ])('are not made with %s', async (_what, input, pointer) => {
    const ada = await fixture.addUser('ada', 'user');
    await expect(createKey(ada, input)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      extras: { faults: [{ pointer }] },
    });
  });

  it('that are rotated keep name, scope and expiry, and both are shown', async () => {
    const ada = await fixture.addUser('ada', 'user');
    const expiresAt = tomorrow();
    const { key, secret } = await createKey(ada, { name: 'ci', scope: { servers: ['s'], readOnly: true }, expiresAt });
    const rotated = await rotateKey(ada, key.id, { overlapHours: 2 });
    expect(rotated.secret).not.toBe(secret);
    expect(rotated.key).toMatchObject({ name: 'ci', scope: key.scope, expiresAt, replaces: key.id, revokedAt: null });
    const end = Date.parse(rotated.replaced.expiresAt ?? '');
    expect(Math.abs(end - Date.now() - 2 * 3_600_000)).toBeLessThan(60_000);
    expect(await listKeys(ada)).toEqual([rotated.key, rotated.replaced]);
    await revokeKey(ada, key.id);
    expect((await listKeys(ada)).map(({ revokedAt }) => revokedAt === null)).toEqual([true, false]);
    const rows = await fixture.database.db.select().from(auditLogs);
    expect(rows.map(({ action }) => action)).toEqual(['key.created', 'key.created', 'key.rotated', 'key.revoked']);
    expect(JSON.stringify(rows)).not.toContain(rotated.secret);
  });

  it('never live longer by an overlap than they would have', async () => {
    const ada = await fixture.addUser('ada', 'user');
    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    const { key } = await createKey(ada, { name: 'ci', expiresAt });
    const { replaced, key: next } = await rotateKey(ada, key.id, { overlapHours: 720, expiresAt: null });
    expect(replaced.expiresAt).toBe(expiresAt);
    expect(next.expiresAt).toBeNull();
  });

  it('are rotated once, also at once, by their owner alone, and not after their end', async () => {
    const [ada, root] = [await fixture.addUser('ada', 'user'), await fixture.addUser('root', 'admin')];
    const { key } = await createKey(ada, { name: 'ci' });
    await expect(rotateKey(root, key.id, { overlapHours: 1 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(rotateKey(ada, 'x', { overlapHours: 1 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(rotateKey(ada, key.id, { overlapHours: 721 })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    const both = await Promise.allSettled([
      rotateKey(ada, key.id, { overlapHours: 1 }),
      rotateKey(ada, key.id, { overlapHours: 1 }),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'CONFLICT' } });
    expect(await listKeys(ada)).toHaveLength(2);
    await revokeKey(ada, key.id);
    await expect(rotateKey(ada, key.id, { overlapHours: 1 })).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('that expire cannot make themselves a longer life by rotation, and keys with a scope rotate none', async () => {
    const ada = await fixture.addUser('ada', 'admin');
    const { key } = await createKey(ada, { name: 'short', expiresAt: tomorrow() });
    const asKey = { ...ada, actor: { ...ada.actor, kind: 'key' as const, id: key.id } };
    const rotation = { overlapHours: 1, expiresAt: null };
    await expect(rotateKey(asKey, key.id, rotation)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    const scoped = { ...asKey, actor: { ...asKey.actor, keyScope: { readOnly: true } } };
    await expect(rotateKey(scoped, key.id, { overlapHours: 1 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(rotateKey(asKey, key.id, { overlapHours: 1 })).resolves.toBeDefined();
  });

  it('that expire cannot make keys that live longer, and keys with a scope make none', async () => {
    const ada = await fixture.addUser('ada', 'admin');
    const expiresAt = tomorrow();
    const { key } = await createKey(ada, { name: 'short', expiresAt });
    const asKey = { ...ada, actor: { ...ada.actor, kind: 'key' as const, id: key.id } };
    await expect(createKey(asKey, { name: 'for ever' })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await expect(createKey(asKey, { name: 'as long', expiresAt })).resolves.toBeDefined();
    const scoped = { ...asKey, actor: { ...asKey.actor, keyScope: { servers: ['x'] } } };
    await expect(createKey(scoped, { name: 'no', expiresAt })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});
