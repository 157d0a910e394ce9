// The official suite's scenarios for authorization servers, against the one of a running hub.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../../scripts/launcher/port';
import { type Hub, startHub } from '../support/hub';
import { registerClient } from '../support/oauth-client';
import { allowed } from '../support/oauth-person';
import { runAuthorizationSuite } from './suite';

let hub: Hub;

beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub?.stop());

it('all scenarios for authorization servers pass [N-AUTH-08]', async () => {
  const port = await freePort();
  const redirect = `http://127.0.0.1:${port}/callback`;
  const { json: client } = await registerClient(hub.url, { redirect_uris: [redirect] });
  const visit = async (url: string) => void (await fetch(await allowed(hub, new URL(url))));
  const found = await runAuthorizationSuite(
    { url: hub.url, clientId: client.client_id, resource: hub.mcpUrl, port },
    visit,
  );
  expect(found.failed, [...found.messages].join('\n') || found.printed).toEqual([]);
  expect([...found.scenarios].sort()).toEqual(['authorization-code-grant', 'authorization-server-metadata-endpoint']);
  expect(found.passed).toBeGreaterThanOrEqual(3);
});
