// Several workers share what the authorization server knows, and it outlives them.
import { afterEach, expect, it } from 'vitest';
import { createControlClient } from '../../../lib/control';
import { socketPaths } from '../../../lib/env';
import { type Hub, startHub } from '../../support/hub';
import { openSession } from '../../support/hub-client';
import {
  authorizationQuery,
  authorize,
  Browser,
  consentIdOf,
  exchange,
  newPkce,
  refresh,
  registerClient,
  userIdOf,
} from '../../support/oauth-client';
import { until } from '../../support/until';

let hub: Hub | undefined;

afterEach(() => hub?.stop());

it('a request may be begun, allowed and redeemed at different workers, and before and after a restart', async () => {
  const env = { MCPHUB_WORKERS: '2' };
  hub = await startHub({ env });
  const { url, port, dataDir } = hub;
  const userId = await userIdOf(hub);
  const clientId = (await registerClient(url)).json.client_id;
  // Side by side, so that each has connections of its own, which go to both workers.
  const all = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const { status, json } = await exchange(url, await authorize(hub as Hub, { clientId, userId }));
      return [status, (await refresh(url, clientId, json.refresh_token)).json] as const;
    }),
  );
  expect(all.map(([status]) => status)).toEqual(Array(6).fill(200));
  expect(all.every(([, { access_token: token }]) => typeof token === 'string')).toBe(true);

  const redeemedOnce = await authorize(hub, { clientId, userId });
  const key = (await exchange(url, redeemedOnce)).json.access_token;
  const sessions = await Promise.all(Array.from({ length: 6 }, () => openSession(hub as Hub, { key })));
  const statuses = () => Promise.all(sessions.map(async (session) => (await session.request('ping')).status));
  expect(await statuses()).toEqual(Array(6).fill(200));
  // It comes again: every worker lets go of what was issued for it.
  await exchange(url, redeemedOnce);
  await until(async () => (await statuses()).every((status) => status === 401), 2_000);
  const [first] = await Promise.all(
    [1, 2].map(async () => (await exchange(url, await authorize(hub as Hub, { clientId, userId }))).json),
  );

  const pkce = newPkce();
  const browser = new Browser(url);
  const id = consentIdOf(await browser.get(`/oauth/authorize?${authorizationQuery(clientId, pkce)}`));
  await hub.stop({ keepData: true });
  hub = await startHub({ dataDir, port });
  const control = createControlClient(socketPaths(dataDir).worker);
  const { returnTo } = await control.call('oauth.decide', { id, userId, allow: true, requestId: 'test' });
  const location = (await browser.get(returnTo)).headers.get('location') ?? '';
  const redeemed = await exchange(url, { clientId, pkce, params: new URL(location).searchParams });
  expect(redeemed.status).toBe(200);
  expect((await refresh(url, clientId, first.refresh_token)).status).toBe(200);
});
