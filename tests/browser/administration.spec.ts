// What administrators do with the hub as a whole: opening an endpoint to everybody, stored secrets and their keys, limits
// and roles.
import { randomBytes } from 'node:crypto';
import { expect, type Page, test } from '@playwright/test';
import { root } from '../../scripts/prepare.mjs';
import { isGood } from '../support/good-page';
import { type Hub, startHub } from '../support/hub';
import { rest } from '../support/hub-client';
import { visit } from '../support/visit';

const program = `${root}/tests/support/servers/stdio.mjs`;

let hub: Hub;
let page: Page;

test.describe.configure({ mode: 'serial' });

test.beforeAll(async ({ browser }) => {
  test.setTimeout(240_000);
  const key = randomBytes(24).toString('hex');
  const env = () => ({ MCPHUB_MASTER_KEY: randomBytes(32).toString('base64'), MCPHUB_BOOTSTRAP_API_KEY: key });
  const before = await startHub({ web: true, env: env() });
  const server = { name: 'vaulted', type: 'stdio', command: process.execPath, args: [program] };
  const made = await rest(before, 'POST', '/servers', { ...server, env: { TOKEN: 'sealed with the former key' } });
  expect(made.status).toBe(201);
  await before.stop({ keepData: true });
  hub = await startHub({ web: true, dataDir: before.dataDir, env: env() });
  await rest(hub, 'POST', '/servers', { ...server, name: 'echoes', env: { TOKEN: 'sealed with this key' } });
  await rest(hub, 'POST', '/groups', { name: 'lobby', servers: [{ server: 'echoes', tools: ['echo'] }] });
  page = await (await browser.newContext()).newPage();
  await visit(page, `${hub.url}/signin`);
  await page.getByLabel('Name').fill(hub.admin.username);
  await page.getByLabel('Password').fill(hub.admin.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { name: 'Overview', level: 1 })).toBeVisible();
});

test.afterAll(async () => {
  await page?.context().close();
  await hub?.stop();
});

/** What a caller without a credential gets. */
async function knock(name: string): Promise<number> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'stranger', version: '1' } };
  const answer = await fetch(`${hub.mcpUrl}/${name}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }),
  });
  await answer.arrayBuffer();
  return answer.status;
}

test('a group is opened to everybody after it was said what they reach, and said loudly as long as it is', async () => {
  await visit(page, `${hub.url}/groups/lobby`);
  expect(await knock('lobby')).toBe(401);
  await isGood(page, 'group-shut');
  await page.getByRole('button', { name: 'Open to everybody…' }).click();
  const dialog = page.getByRole('alertdialog');
  await expect(dialog).toContainText('Open the group lobby to everybody?');
  await expect(dialog).toContainText('echoes: echo');
  await isGood(page, 'group-opening');
  await dialog.getByRole('button', { name: 'Open to everybody' }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByText('Everybody who reaches this hub may use it, without a key.')).toBeVisible();
  await expect.poll(() => knock('lobby')).toBe(200);
  expect(await knock('echoes')).toBe(401);
  await isGood(page, 'group-open');
  await visit(page, `${hub.url}/groups`);
  await expect(
    page.getByRole('main').locator('[data-group="lobby"]').filter({ visible: true }).getByText('open to everybody'),
  ).toBeVisible();
  await isGood(page, 'groups-open');
  await visit(page, `${hub.url}/`);
  await expect(page.getByText('Open to everybody, without a key:')).toBeVisible();
  await isGood(page, 'overview-open');
  await page.getByRole('main').getByRole('link', { name: 'lobby' }).click();
  await page.getByRole('button', { name: 'Ask for a key again…' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Ask for a key' }).click();
  await expect(page.getByRole('button', { name: 'Open to everybody…' })).toBeVisible();
  await expect.poll(() => knock('lobby')).toBe(401);
});

test('a server is opened and shut in the same way', async () => {
  await visit(page, `${hub.url}/servers/echoes?tab=config`);
  await page.getByRole('button', { name: 'Open to everybody…' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Open to everybody' }).click();
  await expect(page.getByText('Everybody who reaches this hub may use it, without a key.')).toBeVisible();
  await expect(page.getByRole('main').locator('header').getByText('open to everybody')).toBeVisible();
  await expect.poll(() => knock('echoes')).toBe(200);
  await isGood(page, 'server-open');
  // The form of its settings leaves it as it is.
  await page.getByLabel('Description').fill('changed');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Saved echoes')).toBeVisible();
  expect(await knock('echoes')).toBe(200);
  await page.getByRole('button', { name: 'Ask for a key again…' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Ask for a key' }).click();
  await expect.poll(() => knock('echoes')).toBe(401);
});

test('what the master key does not open is named, on the page of its server and among the secrets', async () => {
  await visit(page, `${hub.url}/servers/vaulted`);
  await expect(page.getByText('env.TOKEN').first()).toBeVisible();
  await isGood(page, 'server-reentry');
  await page.getByRole('link', { name: 'Secrets', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'Secrets', level: 1 })).toBeVisible();
  await expect(page.getByText('vaulted: env.TOKEN')).toBeVisible();
  await isGood(page, 'secrets');
});

test('stored secrets are put under a new key, and those that do not open are counted', async () => {
  await page.getByRole('button', { name: 'New key…' }).click();
  const dialog = page.getByRole('alertdialog');
  await isGood(page, 'secrets-dialog');
  await dialog.getByRole('button', { name: 'Make a new key' }).click();
  await expect(page.getByText(/^1 value is under the new key k\d+\.$/)).toBeVisible();
  await expect(page.getByText(/^1 value could not be opened/)).toBeVisible();
  await isGood(page, 'secrets-rotated');
  await page.getByRole('main').getByRole('link', { name: 'vaulted' }).click();
  const value = page.getByLabel('Value of row 1').first();
  await value.fill('entered again');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Saved vaulted')).toBeVisible();
  await visit(page, `${hub.url}/secrets`);
  await expect(page.getByText('vaulted')).toBeHidden();
  await page.getByRole('button', { name: 'New key…' }).click();
  await dialog.getByRole('button', { name: 'Make a new key' }).click();
  await expect(page.getByText(/^2 values are under the new key k\d+\.$/)).toBeVisible();
});

test('roles and limits are readable for everybody, on a phone too', async () => {
  await visit(page, `${hub.url}/roles`);
  await expect(page.getByRole('heading', { name: 'Roles', level: 1 })).toBeVisible();
  await isGood(page, 'roles');
  await visit(page, `${hub.url}/roles/manager`);
  await expect(page.getByRole('heading', { name: 'manager', level: 1 })).toBeVisible();
  await isGood(page, 'role');
  await visit(page, `${hub.url}/limits`);
  await expect(page.getByText('No limits')).toBeVisible();
  await isGood(page, 'limits-empty');
  await page.getByRole('button', { name: 'New limit' }).click();
  await isGood(page, 'limit-dialog');
  await page.getByRole('dialog').getByLabel('Calls in a minute').fill('60');
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(page.locator('[data-limit="key *"]').filter({ visible: true })).toBeVisible();
  await isGood(page, 'limits');
});
