// An MCP client that asks a user for access, as the user meets it: sign-in, consent, and taking it back.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, type Page, test } from '@playwright/test';
import { isAccessible, isGood } from '../support/good-page';
import { type Hub, startHub } from '../support/hub';
import { mcpHeaders } from '../support/hub-client';
import { authorizationQuery, exchange, newPkce, registerClient } from '../support/oauth-client';
import { visit } from '../support/visit';

/** Where pictures of the pages go, to be looked at. */
const pictures = process.env.MCPHUB_TEST_PICTURES;

let hub: Hub;
let client: Server;
let redirect: string;
let page: Page;
/** What the client got. */
let answer = new URLSearchParams();
let token = '';

test.describe.configure({ mode: 'serial' });

test.beforeAll(async ({ browser }) => {
  test.setTimeout(300_000);
  hub = await startHub({ web: true });
  client = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://client');
    if (pathname === '/callback') answer = searchParams;
    response.end('You can close this page.');
  });
  await new Promise<void>((resolve) => client.listen(0, '127.0.0.1', resolve));
  redirect = `http://127.0.0.1:${(client.address() as AddressInfo).port}/callback`;
  page = await (await browser.newContext()).newPage();
});

test.afterAll(async () => {
  await page?.context().close();
  client?.close();
  await hub?.stop();
});

async function signIn(): Promise<void> {
  await page.getByLabel('Name').fill(hub.admin.username);
  await page.getByLabel('Password').fill(hub.admin.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

const ask = () =>
  fetch(`${hub.mcpUrl}`, {
    method: 'POST',
    headers: { ...mcpHeaders, authorization: `Bearer ${token}` },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
    }),
  });

test('a client leads to the sign-in, the user sees who asks for what, and allows it', async ({ browser }) => {
  const pkce = newPkce();
  const { json } = await registerClient(hub.url, { client_name: 'Code Editor', redirect_uris: [redirect] });
  const clientId = json.client_id;
  await visit(page, `${hub.url}/oauth/authorize?${authorizationQuery(clientId, pkce, { redirect_uri: redirect })}`);
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  await signIn();

  await expect(page.getByRole('heading', { name: 'Allow Code Editor to use your MCP servers?' })).toBeVisible();
  await expect(page.getByText('nobody has verified it')).toBeVisible();
  await expect(page.getByText('127.0.0.1')).toBeVisible();
  await expect(page.getByText(/Call every tool/)).toBeVisible();
  await isGood(page, 'consent');

  const other = await (await browser.newContext({ storageState: await page.context().storageState() })).newPage();
  await other.context().clearCookies({ name: 'mcphub_consent' });
  await visit(other, page.url());
  await expect(other.getByRole('heading', { name: 'Nothing to allow here' })).toBeVisible();
  await other.context().close();

  await page.getByRole('button', { name: 'Use another account' }).click();
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  await signIn();
  await page.getByRole('button', { name: 'Allow' }).click();
  await expect(page.getByText('You can close this page.')).toBeVisible();
  expect([answer.get('state'), answer.get('iss')]).toEqual(['the state', hub.url]);
  const tokens = await exchange(hub.url, { clientId, pkce, params: answer }, { redirect_uri: redirect });
  token = tokens.json.access_token;
  expect((await ask()).status).toBe(200);
});

test('the user sees the client under the account and takes it back, which ends its token at once', async () => {
  await visit(page, `${hub.url}/account`);
  // While a page comes in pieces it holds some of them twice, one hidden.
  const row = page.locator('[data-grant]').filter({ visible: true });
  await expect(row).toContainText('Code Editor');
  await expect(row).toContainText('All tools at /api/mcp');
  await isGood(page, 'account-apps');
  await page.getByRole('button', { name: 'Revoke Code Editor' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Revoke' }).click();
  await expect(row).toHaveCount(0);
  expect((await ask()).status).toBe(401);
});

test('what leads nowhere is said on a page of the hub', async () => {
  await visit(page, `${hub.url}/oauth/authorize?client_id=nobody&response_type=code&redirect_uri=https://evil.example`);
  await expect(page.getByRole('heading', { name: 'Not connected' })).toBeVisible();
  await isGoodPlain();
});

/** The page is plain HTML with a style of its own, without the themes of the dashboard. */
async function isGoodPlain(): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await isAccessible(page, `refused ${colorScheme}`);
    if (pictures) await page.screenshot({ path: `${pictures}/refused-${colorScheme}.png` });
  }
}
