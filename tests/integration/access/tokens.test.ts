// From an OAuth access token to its actor, on real databases.
import { randomBytes } from 'node:crypto';
import { and, eq } from 'drizzle-orm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { groupMembers, groups, oauthRecords, userRoles, users } from '../../../drizzle/schema';
import {
  type ActorResolver,
  type Ctx,
  createActorResolver,
  createKey,
  createKeyring,
  ownTokens,
} from '../../../lib/access';
import { hashSecret } from '../../../lib/access/secrets';
import { type DatabaseKind, eachDatabase } from '../../support/database';
import { addAccessToken, addClient, addGrant, hubUrl } from '../../support/oauth-rows';
import { until } from '../../support/until';
import { accessFixture } from './fixture';

const keyring = createKeyring(randomBytes(32));
const second = 1000;

eachDatabase('access tokens', (kind: DatabaseKind) => {
  const fixture = accessFixture(kind);
  let access: ActorResolver;
  let elapsed: number;
  let ada: Ctx;
  const start = Date.now();
  const clocks = { now: () => elapsed, wallClock: () => start + elapsed };

  beforeEach(async () => {
    elapsed = 0;
    const { db } = fixture.database;
    await db.delete(oauthRecords);
    access = createActorResolver({ db, bus: fixture.bus, keyring, tokens: ownTokens(db, hubUrl), ...clocks });
    ada = await fixture.addUser('ada', 'user', { groups: ['team'] });
  });
  afterEach(() => access.close());

  const give = (row: Partial<Parameters<typeof addAccessToken>[1]> = {}) =>
    addAccessToken(fixture.database.db, { userId: ada.actor.id, grantId: 'grant-1', ...row });

  it('have the rights of their user, within scopes and endpoints, and the name of the client', async () => {
    await addClient(fixture.database.db, 'client-1', 'Claude');
    const token = await give({ aud: `${hubUrl}/api/mcp/GitHub`, scope: 'openid mcp:read' });
    expect(await access.resolveCaller(token)).toEqual({
      ...ada.actor,
      kind: 'token',
      id: 'grant-1',
      name: 'ada/Claude',
      keyScope: {},
      token: { endpoints: ['github'], scopes: ['mcp:read'] },
      expiresAtMs: expect.any(Number),
    });
    const url = await give({ grantId: 'grant-2', clientId: 'https://app.example/client.json' });
    expect(await access.resolveCaller(url)).toMatchObject({ name: 'ada/app.example' });
  });

  it('are answered without a promise once known, and keys beside them', async () => {
    const token = await give();
    const { secret } = await createKey(ada, { name: 'cli' });
    const connection = {};
    for (const each of [token, secret]) {
      const first = await access.resolveCaller(each, undefined, connection);
      expect(first).not.toBeNull();
      expect(access.resolveCaller(each, undefined, connection)).toBe(first);
    }
  });

  it('are nobody where keys alone are meant', async () => {
    const token = await give();
    expect(await access.resolveCaller(token)).not.toBeNull();
    expect(await access.resolveBearer(token)).toBeNull();
  });

  it('are null for refresh tokens, codes, and what does not exist', async () => {
    const token = await give();
    await fixture.database.db.update(oauthRecords).set({ model: 'RefreshToken' });
    for (const each of [token, '', 'x', randomBytes(32).toString('base64url'), 'ü'.repeat(43), 'x'.repeat(100_000)]) {
      expect(await access.resolveCaller(each)).toBeNull();
    }
  });

  it("leave an operator's own key alone that looks like one", async () => {
    const { db } = fixture.database;
    const own = 'k'.repeat(43);
    const { key } = await createKey(ada, { name: 'own' });
    await db.execute(`update api_keys set secret_hash = '${hashSecret(own)}' where id = '${key.id}'`);
    expect(await access.resolveCaller(own)).toMatchObject({ kind: 'key', name: 'ada/own' });
  });

  it('end when they expire, to the millisecond, also from memory', async () => {
    const token = await give({ expiresAt: new Date(start + 30 * second) });
    expect(await access.resolveCaller(token)).not.toBeNull();
    elapsed = 30 * second;
    expect(await access.resolveCaller(token)).toBeNull();
  });

  it('end the moment their grant is revoked, and those of no other grant', async () => {
    const [token, other] = [await give(), await give({ grantId: 'grant-2' })];
    expect(await access.resolveCaller(token)).not.toBeNull();
    expect(await access.resolveCaller(other)).not.toBeNull();
    await fixture.database.db.delete(oauthRecords).where(eq(oauthRecords.grantId, 'grant-1'));
    await fixture.bus.emit('grant.revoked', { grantId: 'grant-1' });
    expect(await access.resolveCaller(token)).toBeNull();
    expect(await access.resolveCaller(other)).not.toBeNull();
    expect(await access.reload('token', 'grant-1')).toBeNull();
  });

  it('end when their user is disabled', async () => {
    const token = await give();
    expect(await access.resolveCaller(token)).not.toBeNull();
    await fixture.database.db.update(users).set({ disabled: true });
    await fixture.bus.emit('access.changed', { userId: ada.actor.id });
    expect(await access.resolveCaller(token)).toBeNull();
  });

  it('follow a change of roles and memberships at once', async () => {
    const { db } = fixture.database;
    const token = await give();
    expect((await access.resolveCaller(token))?.groupIds).toHaveLength(1);
    await db.delete(groupMembers);
    const [group] = await db.select().from(groups);
    await fixture.bus.emit('group.updated', { id: group?.id ?? '', name: 'team' });
    expect((await access.resolveCaller(token))?.groupIds).toEqual([]);
    await db.delete(userRoles);
    await fixture.bus.emit('access.changed', { userId: ada.actor.id });
    expect((await access.resolveCaller(token))?.permissions).toEqual([]);
  });

  it('are trusted for a minute without the database, then refused as unavailable', async () => {
    const lost = await fixture.database.another();
    const tokens = ownTokens(lost.db, hubUrl);
    const cut = createActorResolver({ db: lost.db, bus: fixture.bus, keyring, tokens, ...clocks });
    const token = await give();
    expect(await cut.resolveCaller(token)).not.toBeNull();
    await lost.close();
    elapsed = 59 * second;
    expect(await cut.resolveCaller(token)).not.toBeNull();
    elapsed = 61 * second;
    await expect(Promise.resolve(cut.resolveCaller(token))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await cut.close();
  });

  it('are asked for again by their grant, as the one of it that lasts longest', async () => {
    await give({ scope: 'mcp:read', expiresAt: new Date(start + 10 * second) });
    await give({ expiresAt: new Date(start + 20 * second) });
    expect(await access.reload('token', 'grant-1')).toMatchObject({ token: { scopes: ['mcp:call'] } });
    elapsed = 21 * second;
    expect(await access.reload('token', 'grant-1')).toBeNull();
  });

  it('leave the time and place of the last use at their grant', async () => {
    const { db } = fixture.database;
    await addGrant(db, ada.actor.id, 'grant-1');
    await access.resolveCaller(await give(), '10.0.0.1');
    const grant = and(eq(oauthRecords.model, 'Grant'), eq(oauthRecords.idHash, hashSecret('grant-1')));
    await until(async () => {
      const [row] = await db.select().from(oauthRecords).where(grant);
      return row?.lastUsedFrom === '10.0.0.1' && row.lastUsedAt !== null;
    }, 5000);
  });
});
