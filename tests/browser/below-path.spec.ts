// The dashboard below a path of a host that a proxy shares between several programs, as a person meets it: every page,
// request, socket and redirect goes below that path, and so does the consent for an MCP client.
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { expect, type Page, test } from '@playwright/test';
import { Agent, fetch as fetchThere } from 'undici';
import { type Hub, startHub } from '../support/hub';
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider';
import { Memory } from '../support/oauth-person';
import { proxyCa, startTlsProxy, type TlsProxy } from '../support/tls-proxy';
import { visit } from '../support/visit';

const path = '/some/path';
/** What the journey visits: a build of all pages would cost CI a minute. */
const pages = [
  'app/(auth)/signin/page.tsx',
  'app/(auth)/consent/[id]/page.tsx',
  'app/(dashboard)/page.tsx',
  'app/(dashboard)/servers/page.tsx',
  'app/(dashboard)/servers/[name]/page.tsx',
  'app/(dashboard)/connect/page.tsx',
  'app/api/auth/[...nextauth]/route.ts',
  'app/api/v1/hub/route.ts',
  'app/api/v1/servers/route.ts',
  'app/api/v1/servers/[name]/route.ts',
  'app/api/v1/servers/[name]/stop/route.ts',
];
const everything = join(process.cwd(), 'node_modules/@modelcontextprotocol/server-everything/dist/index.js');

let idp: IdentityProvider;
let proxy: TlsProxy;
let hub: Hub;
let page: Page;
/** What the browser asked of the host outside of the path, and what it was refused. */
const strays: string[] = [];

test.describe.configure({ mode: 'serial' });

test.beforeAll(async ({ browser }) => {
  test.setTimeout(300_000);
  proxy = await startTlsProxy(path);
  idp = await startIdentityProvider({ redirectUris: [`${proxy.url}/api/auth/callback/oidc`] });
  hub = await startHub({
    web: true,
    pages,
    config: { mcpServers: { demo: { command: process.execPath, args: [everything] } } },
    env: {
      MCPHUB_PUBLIC_URL: proxy.url,
      MCPHUB_OIDC_ISSUER: idp.issuer,
      MCPHUB_OIDC_CLIENT_ID: idp.client.id,
      MCPHUB_OIDC_CLIENT_SECRET: idp.client.secret,
      MCPHUB_OIDC_NAME: 'Example Corp',
    },
  });
  proxy.lead(hub.port);
  page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
  const { origin } = new URL(proxy.url);
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.origin === origin && !`${url.pathname}/`.startsWith(`${path}/`)) strays.push(url.href);
  });
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) strays.push(message.text());
  });
});

test.afterAll(async () => {
  await page?.context().close();
  await proxy?.close();
  await hub?.stop();
  await idp?.close();
});

test.afterEach(() => {
  expect(strays.splice(0)).toEqual([]);
});

async function signIn(): Promise<void> {
  await page.getByLabel('Name').fill(hub.admin.username);
  await page.getByLabel('Password').fill(hub.admin.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

test('a link to a page leads through the sign-in to that page, with cookies for the path alone', async () => {
  await visit(page, `${proxy.url}/servers`);
  await expect(page).toHaveURL(`${proxy.url}/signin?next=%2Fservers`);
  expect(await page.locator('link[rel="icon"]').first().getAttribute('href')).toMatch(`${path}/icon.svg`);
  await signIn();
  await expect(page).toHaveURL(`${proxy.url}/servers`);
  await expect(page.getByRole('heading', { name: 'Servers', level: 1 })).toBeVisible();
  const cookies = (await page.context().cookies()).map(({ name, path: of, secure }) => ({ name, of, secure }));
  expect(cookies).toEqual([{ name: '__Secure-next-auth.session-token', of: path, secure: true }]);
});

test('links lead from page to page, and a change of state comes over the socket', async () => {
  const socket = page.waitForEvent('websocket', (each) => each.url().includes('/socket.io'));
  await page.getByRole('link', { name: 'demo' }).filter({ visible: true }).first().click();
  await expect(page).toHaveURL(`${proxy.url}/servers/demo`);
  await page.reload();
  expect((await socket).url()).toContain(`${proxy.url.replace('https', 'wss')}/socket.io/`);
  await expect(page.locator('[data-state="ready"]').filter({ visible: true }).first()).toBeVisible({ timeout: 30_000 });
  const stopped = await page.request.post(`${hub.url}/api/v1/servers/demo/stop`, {
    headers: { authorization: `Bearer ${hub.apiKey}` },
  });
  expect(stopped.ok()).toBe(true);
  await expect(page.locator('[data-state="stopped"]').filter({ visible: true }).first()).toBeVisible();
  await page.getByRole('link', { name: 'MCPHub, overview' }).click();
  await expect(page.getByRole('heading', { name: 'Overview', level: 1 })).toBeVisible();
  await expect(page).toHaveURL(proxy.url);
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Overview', level: 1 })).toBeVisible();
});

test('the page for clients shows the URL with the path', async () => {
  await page.getByRole('link', { name: 'Connect a client' }).filter({ visible: true }).first().click();
  await expect(page).toHaveURL(`${proxy.url}/connect`);
  await expect(page.getByText(`${proxy.url}/api/mcp`).filter({ visible: true }).first()).toBeVisible();
});

test('a client asks, the signed-in user allows it, and it calls', async () => {
  const trusting = new Agent({ connect: { ca: proxyCa } });
  const fetch = ((url: string | URL, init?: object) =>
    fetchThere(url, { ...init, dispatcher: trusting })) as unknown as typeof globalThis.fetch;
  const memory = new Memory();
  const url = new URL(`${proxy.url}/api/mcp`);
  const connect = async () => {
    const client = new Client({ name: 'official', version: '1' });
    const transport = new StreamableHTTPClientTransport(url, { authProvider: memory, fetch });
    return { client, transport, connected: client.connect(transport) };
  };
  const first = await connect();
  await expect(first.connected).rejects.toThrow(/authorized/i);
  let came = '';
  await page.route('http://127.0.0.1:33418/**', (route) => {
    came = route.request().url();
    return route.fulfill({ body: 'You can close this page.' });
  });
  await visit(page, String(memory.asked[0]));
  await expect(page.getByRole('heading', { name: /^Allow Unattended client/ })).toBeVisible();
  expect(page.url()).toMatch(`${proxy.url}/consent/`);
  await page.getByRole('button', { name: 'Allow' }).click();
  await expect(page.getByText('You can close this page.')).toBeVisible();
  await first.transport.finishAuth(new URL(came).searchParams.get('code') ?? '');
  const second = await connect();
  await second.connected;
  await second.client.ping();
  await second.client.close();
  await trusting.close();
});

test('signing out leads to the sign-in, and a provider leads back below the path', async () => {
  await visit(page, proxy.url);
  await page.getByRole('button', { name: `Account of ${hub.admin.username}` }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page).toHaveURL(`${proxy.url}/signin`);
  expect(await page.context().cookies(proxy.url)).toEqual([]);
  await visit(page, page.url());
  idp.person = null;
  await page.getByRole('button', { name: 'Continue with Example Corp' }).click();
  await expect(page).toHaveURL(new RegExp(`^${proxy.url}/signin\\?error=denied`));
});

test('a proxy that passes the path on is served too', async () => {
  const answer = await fetch(`${hub.url}${path}/signin`);
  expect([answer.status, (await answer.text()).includes(`${path}/_next/static/`)]).toEqual([200, true]);
  const challenged = await fetch(`${hub.url}${path}/api/mcp`, { method: 'POST' });
  expect(challenged.status).toBe(401);
});
