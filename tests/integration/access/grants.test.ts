// What users allowed MCP clients, and what the authorization server keeps for them, on both databases.
import { eq } from 'drizzle-orm';
import { beforeEach, expect, it } from 'vitest';
import { auditLogs, oauthRecords } from '../../../drizzle/schema';
import {
  anonymousActor,
  type Ctx,
  createOauthRecords,
  deleteExpiredOauthRecords,
  findGrant,
  giveGrant,
  listGrants,
  type OauthRecords,
  registerClient,
  revokeGrant,
} from '../../../lib/access';
import { eachDatabase } from '../../support/database';
import { accessFixture } from './fixture';

const gift = {
  clientId: 'client-1',
  clientName: 'Client one',
  resource: 'http://hub.example/api/mcp',
  scopes: ['mcp:read'],
  redirectUri: 'https://client.example/cb',
};
const gone = { code: 'NOT_FOUND' };

eachDatabase('grants', (kind) => {
  const fixture = accessFixture(kind);
  let root: Ctx;
  let ada: Ctx;
  let bob: Ctx;
  let records: OauthRecords;

  beforeEach(async () => {
    root = await fixture.addUser('root', 'admin');
    ada = await fixture.addUser('ada', 'user');
    bob = await fixture.addUser('bob', 'user');
    records = createOauthRecords(fixture.database.db);
  });

  const all = () => fixture.database.db.select().from(oauthRecords);
  const token = (grantId: string) => ({ kind: 'AccessToken', accountId: ada.actor.id, clientId: 'client-1', grantId });

  it('are seen and ended by their user and by who may change users, for others they do not exist', async () => {
    const id = await giveGrant(ada, gift);
    expect(await listGrants(ada)).toMatchObject([{ id, user: 'ada', client: 'Client one', scopes: ['mcp:read'] }]);
    expect(await listGrants(bob)).toEqual([]);
    await expect(listGrants(bob, ada.actor.id)).rejects.toMatchObject(gone);
    expect(await listGrants(root, ada.actor.id)).toHaveLength(1);
    await expect(revokeGrant(bob, id)).rejects.toMatchObject(gone);
    await revokeGrant(root, id);
    await expect(revokeGrant(ada, id)).rejects.toMatchObject(gone);
    expect(await listGrants(ada)).toEqual([]);
  });

  it('are one for each user, client and endpoint, and grow', async () => {
    const id = await giveGrant(ada, gift);
    expect(await giveGrant(ada, gift)).toBe(id);
    expect(await giveGrant(ada, { ...gift, scopes: ['mcp:call'] })).toBe(id);
    expect(await giveGrant(ada, { ...gift, resource: `${gift.resource}/x` })).not.toBe(id);
    expect(await giveGrant(bob, gift)).not.toBe(id);
    const trail = await fixture.database.db.select().from(auditLogs).where(eq(auditLogs.resourceId, id));
    expect(trail.map(({ action }) => action)).toEqual(['grant.created', 'grant.updated']);
  });

  it('are remembered for the same scopes and redirect alone', async () => {
    const id = await giveGrant(ada, { ...gift, scopes: ['mcp:read', 'mcp:call'] });
    expect(await findGrant(ada, gift)).toBe(id);
    expect(await findGrant(bob, gift)).toBeNull();
    expect(await findGrant(ada, { ...gift, redirectUri: 'https://client.example/other' })).toBeNull();
    expect(await findGrant(ada, { ...gift, scopes: ['mcp:more'] })).toBeNull();
    expect(await findGrant(ada, { ...gift, clientId: 'client-2' })).toBeNull();
  });

  it('take their tokens along, tell the workers, and get no new ones', async () => {
    const heard: string[] = [];
    fixture.bus.on('grant.revoked', ({ grantId }) => void heard.push(grantId));
    const id = await giveGrant(ada, gift);
    expect(await records.save('AccessToken', 'a token', token(id), 60)).toBe(true);
    await revokeGrant({ ...ada, bus: fixture.bus }, id);
    expect(await records.find('AccessToken', 'a token')).toBeNull();
    expect(await records.save('AccessToken', 'another', token(id), 60)).toBe(false);
    expect(await all()).toEqual([]);
    expect(heard).toEqual([id]);
  });

  it('live as long as their refresh tokens', async () => {
    const id = await giveGrant(ada, gift);
    const before = (await listGrants(ada))[0]?.expiresAt ?? '';
    await records.save('RefreshToken', 'r', { ...token(id), kind: 'RefreshToken' }, 30 * 86_400);
    const after = (await listGrants(ada))[0];
    expect(Date.parse(after?.expiresAt ?? '') - Date.parse(before)).toBeGreaterThan(28 * 86_400_000);
    expect(after?.lastUsedAt).not.toBeNull();
  });

  it('are asked for by users alone', async () => {
    await expect(giveGrant({ ...ada, actor: { ...ada.actor, kind: 'key' } }, gift)).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
  });

  it('a record is found by its id, which is not kept, until it expires', async () => {
    await records.save('Interaction', 'the id', { jti: 'the id', params: { a: 1 } }, 60);
    expect(await records.find('Interaction', 'the id')).toEqual({ jti: 'the id', params: { a: 1 } });
    expect(await records.find('Session', 'the id')).toBeNull();
    expect(JSON.stringify(await all())).not.toContain('the id');
    await records.save('Interaction', 'the id', { params: {} }, -1);
    expect(await records.find('Interaction', 'the id')).toBeNull();
    expect(await deleteExpiredOauthRecords(fixture.database.db, new Date())).toBe(1);
  });

  it('a record is used once, however many try at the same time', async () => {
    const id = await giveGrant(ada, gift);
    await records.save('AuthorizationCode', 'code', { ...token(id), kind: 'AuthorizationCode' }, 60);
    const used = await Promise.all([1, 2, 3, 4].map(() => records.consume('AuthorizationCode', 'code')));
    expect(used.filter(Boolean)).toHaveLength(1);
    expect(await records.find('AuthorizationCode', 'code')).toMatchObject({ consumed: expect.any(Number) });
  });

  it('clients that register and are never allowed anything are bounded in number', async () => {
    const { db } = fixture.database;
    const old = Array.from({ length: 1000 }, (_, at) => ({
      model: 'Client',
      idHash: `old-${at}`,
      payload: {},
      createdAt: new Date(2020, 0, 1, 0, 0, at),
      expiresAt: new Date(Date.now() + 60_000),
    }));
    const [used, ...unused] = old;
    await db.insert(oauthRecords).values([{ ...(used as (typeof old)[0]), lastUsedAt: new Date() }, ...unused]);
    const source = { db, actor: anonymousActor, requestId: 'r' };
    for (const id of ['new-1', 'new-2', 'new-3']) {
      await registerClient(source, { client_id: id, redirect_uris: ['https://client.example/cb'] });
    }
    const left = new Set((await all()).map(({ idHash }) => idHash));
    expect(left.size).toBe(1001);
    expect([left.has('old-0'), left.has('old-1'), left.has('old-2'), left.has('old-3')]).toEqual([
      true,
      false,
      false,
      true,
    ]);
    expect(await records.find('Client', 'new-3')).toMatchObject({ client_id: 'new-3' });
  });
});
