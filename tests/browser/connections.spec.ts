// Servers at which users sign in for themselves, as an admin sets them up and as a user meets them.
import { expect, type Page, test } from '@playwright/test';
import { isGood } from '../support/good-page';
import { type Hub, startHub } from '../support/hub';
import { rest } from '../support/hub-client';
import { type OAuthUpstream, startOAuthUpstream } from '../support/oauth-upstream';
import { visit } from '../support/visit';

const planted = 'a-planted-key-of-the-admin';

let hub: Hub;
let page: Page;
let upstream: OAuthUpstream;

test.describe.configure({ mode: 'serial' });

test.beforeAll(async ({ browser }) => {
  test.setTimeout(240_000);
  hub = await startHub({ web: true });
  const server = {
    name: 'notes',
    type: 'streamable-http',
    url: 'http://127.0.0.1:9/mcp',
    description: 'Notes of the team',
  };
  expect((await rest(hub, 'POST', '/servers', server)).status).toBe(201);
  upstream = await startOAuthUpstream();
  const oauth = { name: 'crm', type: 'streamable-http', url: upstream.url, credential: { kind: 'oauth', per: 'user' } };
  expect((await rest(hub, 'POST', '/servers', oauth)).status).toBe(201);
  page = await (await browser.newContext()).newPage();
});

test.afterAll(async () => {
  await page?.context().close();
  await hub?.stop();
  await upstream?.close();
});

test('an admin says what each user has to enter', async () => {
  await visit(page, `${hub.url}/signin?next=${encodeURIComponent('/servers/notes?tab=config')}`);
  await page.getByLabel('Name').fill(hub.admin.username);
  await page.getByLabel('Password').fill(hub.admin.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByLabel('Who signs in').selectOption({ label: 'Own keys of each user' });
  await page.getByRole('button', { name: 'Add a key' }).click();
  await page.getByLabel('What key 1 is called').fill('API key');
  await page.getByLabel('Header of key 1').fill('Host');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('The header of key 1 is set by the hub itself')).toBeVisible();
  await isGood(page, 'settings');
  await page.getByLabel('Header of key 1').fill('Authorization');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Saved notes')).toBeVisible();
  await page.getByRole('tab', { name: 'Overview' }).click();
  await expect(page.getByText('No user has connected yet.')).toBeVisible();
});

test('a user enters the key on the page that a call leads to, and sees no more of it', async () => {
  await visit(page, `${hub.url}/connections/notes`);
  await expect(page.getByRole('heading', { name: 'Connect to notes' })).toBeVisible();
  await expect(page.getByText('127.0.0.1:9')).toBeVisible();
  await isGood(page, 'connect');
  await page.getByLabel('API key').fill('näme ☂');
  await page.getByRole('button', { name: 'Connect' }).click();
  await expect(page.getByRole('alert').filter({ hasText: 'a header cannot carry' })).toBeVisible();
  await page.getByLabel('API key').fill(`Bearer ${planted}`);
  await page.getByRole('button', { name: 'Connect' }).click();
  await expect(page.getByText('You can return to your client and repeat the call.')).toBeVisible();
  await isGood(page, 'connected');
  await page.reload();
  await expect(page.getByText('You are connected.')).toBeVisible();
  expect(await page.content()).not.toContain(planted);
});

test('it is among the connections of the account, and on the page of the server', async () => {
  await visit(page, `${hub.url}/account`);
  await expect(page.getByRole('heading', { name: 'Your connections' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'Change notes' })).toBeVisible();
  await isGood(page, 'account');
  await visit(page, `${hub.url}/servers/notes`);
  await expect(page.getByRole('list', { name: '1 connected user' })).toContainText(hub.admin.username);
  await isGood(page, 'server');
  await page.getByRole('button', { name: `Disconnect ${hub.admin.username}` }).click();
  await expect(page.getByText('No user has connected yet.')).toBeVisible();
  await visit(page, `${hub.url}/connections/notes`);
  await expect(page.getByRole('button', { name: 'Connect' })).toBeVisible();
});

/** Of a sign-in that the admin began elsewhere. */
async function begun(body: object = {}): Promise<URL> {
  const { status, json } = await rest(hub, 'POST', '/connections/crm/begin', body);
  expect(status).toBe(200);
  return new URL(json.url);
}

test('a sign-in by OAuth goes to the service and back', async () => {
  // Whoever comes to that service from now on is ada there.
  await upstream.signIn((await begun()).href, 'ada');
  await visit(page, `${hub.url}/connections/crm`);
  await isGood(page, 'oauth');
  await page.getByRole('button', { name: 'Connect' }).click();
  await expect(page.getByText('You can return to your client and repeat the call.')).toBeVisible();
  expect(new URL(page.url()).pathname).toBe('/connections/crm');
  expect(new URL(page.url()).search).toBe('');
  await isGood(page, 'oauth-connected');
  await visit(page, `${hub.url}/servers/crm`);
  await expect(page.getByRole('list', { name: '1 connected user' })).toContainText(upstream.issuer);
});

test('a server may be called like the page that services send browsers back to', async () => {
  const credential = { kind: 'oauth', per: 'user' };
  const named = { name: 'callback', type: 'streamable-http', url: upstream.url, credential };
  expect((await rest(hub, 'POST', '/servers', named)).status).toBe(201);
  await visit(page, `${hub.url}/connections/callback`);
  await page.getByRole('button', { name: 'Connect' }).click();
  await expect(page.getByText('You can return to your client and repeat the call.')).toBeVisible();
  expect(new URL(page.url()).pathname).toBe('/connections/callback');
  await page.reload();
  await expect(page.getByRole('heading', { name: 'callback' })).toBeVisible();
});

test('a sign-in that was refused, comes from another service or is over says so, and can be tried again', async () => {
  const callback = async (given: Record<string, string>) => {
    const state = (await begun()).searchParams.get('state') ?? '';
    await visit(page, `${hub.url}/connections/callback?${new URLSearchParams({ state, ...given })}`);
    await expect(page.getByRole('heading', { name: 'Not connected' })).toBeVisible();
    expect(new URL(page.url()).search).toBe('');
  };
  await callback({ error: 'access_denied', iss: upstream.issuer });
  await expect(page.getByRole('alert').filter({ hasText: 'The sign-in was refused' })).toBeVisible();
  await isGood(page, 'oauth-refused');
  await callback({ code: 'x', iss: 'https://evil.example' });
  await expect(page.getByRole('link', { name: 'Try again' })).toHaveAttribute('href', '/connections/crm');
  await callback({ code: 'x', iss: upstream.issuer });
  await callback({ code: 'x', iss: upstream.issuer, state: 'of-nobody' });
  await expect(page.getByText('This sign-in is over, or somebody else began it.')).toBeVisible();
  // What was there before goes on.
  await visit(page, `${hub.url}/connections/crm`);
  await expect(page.getByText('You are connected.')).toBeVisible();
});

test('one sign-in for all is made on the page of the server', async () => {
  const { status } = await rest(hub, 'PATCH', '/servers/crm', { credential: { kind: 'oauth', per: 'hub' } });
  expect(status).toBe(200);
  await visit(page, `${hub.url}/servers/crm`);
  await expect(page.getByText('Nobody has signed the hub in to this server yet.')).toBeVisible();
  await isGood(page, 'hub-missing');
  await page.getByRole('link', { name: 'Sign in' }).last().click();
  await expect(page.getByText('all who call it through this hub')).toBeVisible();
  await page.getByRole('button', { name: 'Connect' }).click();
  await expect(page.getByText('You can return to your client and repeat the call.')).toBeVisible();
  await visit(page, `${hub.url}/servers/crm`);
  await expect(page.getByRole('list', { name: 'Sign-in of the hub' })).toContainText('The hub, for all callers');
  await isGood(page, 'hub-connected');
});

test('a service that is away is said to be', async () => {
  await upstream.close();
  await visit(page, `${hub.url}/connections/crm`);
  await page.getByRole('button', { name: 'Sign in again' }).click();
  await expect(page.getByRole('alert').filter({ hasText: 'request ' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Sign in again' })).toBeEnabled();
  await isGood(page, 'oauth-away');
});

test('nobody else comes to such a page without a sign-in, and there is none for other servers', async () => {
  await visit(page, `${hub.url}/connections/absent`);
  await expect(page.getByRole('heading', { name: 'There is no such page' })).toBeVisible();
  await page.context().clearCookies();
  await visit(page, `${hub.url}/connections/notes`);
  await expect(page).toHaveURL(`${hub.url}/signin?next=%2Fconnections%2Fnotes`);
});
