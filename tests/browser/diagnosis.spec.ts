// What the page of a server tells of it: its instances, its changes, its capabilities, and a test stage by stage; and the
// test of settings that are not saved yet.
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { isGood } from '../support/good-page';
import { type Hub, startHub } from '../support/hub';
import { visit } from '../support/visit';

const everything = join(process.cwd(), 'node_modules/@modelcontextprotocol/server-everything/dist/index.js');
const fixture = join(process.cwd(), 'tests/support/servers/stdio.mjs');

let hub: Hub;
let page: Page;

test.describe.configure({ mode: 'serial' });

test.beforeAll(async ({ browser }) => {
  test.setTimeout(240_000);
  hub = await startHub({ web: true });
  for (const [name, args, more] of [
    ['twins', [everything], { replicas: 2, limits: { memoryMb: 2_000 } }],
    ['odd', [fixture, 'bad-tools'], {}],
    ['silent', [fixture, 'silent'], {}],
    ['crashing', [fixture, 'crash-at-start'], {}],
  ] as const) {
    const answer = await fetch(`${hub.url}/api/v1/servers`, {
      method: 'POST',
      headers: { authorization: `Bearer ${hub.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name, type: 'stdio', command: process.execPath, args, ...more }),
    });
    expect(answer.status, await answer.text()).toBe(201);
  }
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

const stage = (name: string) =>
  page.getByRole('region', { name: 'Outcome of the test' }).locator(`[data-stage="${name}"]`);

test('each instance is shown with its state, process, memory and protocol, and what became of it', async () => {
  await visit(page, `${hub.url}/servers/twins`);
  const main = page.locator('#main');
  await expect(main.getByText('2 of 2 ready')).toBeVisible({ timeout: 30_000 });
  const pids = main.getByText(/^pid \d+$/);
  await expect(pids).toHaveCount(2);
  const [first, second] = await pids.allTextContents();
  expect(first).not.toBe(second);
  await expect(main.getByText(/\d MiB/)).toHaveCount(2);
  await expect(main.getByText('2025-11-25')).toHaveCount(2);
  const changes = page.locator('section', { has: page.getByRole('heading', { name: 'Changes' }) });
  await expect(changes.locator('[data-state="ready"]')).toHaveCount(2);
  await expect(changes.getByText('[2]').first()).toBeVisible();
  await isGood(page, 'instances');
  // One dies: the other stays, and the page tells the death with its cause without a reload.
  process.kill(Number(first?.slice('pid '.length)), 'SIGKILL');
  await expect(changes.getByText(/ended by SIGKILL/)).toBeVisible();
  await expect(main.getByText(second as string)).toBeVisible();
  await expect(main.getByText('2 of 2 ready')).toBeVisible({ timeout: 30_000 });
});

test('the capabilities tell what the server offers, how it starts and which tools are left out', async () => {
  await visit(page, `${hub.url}/servers/odd?tab=capabilities`);
  await expect(
    page.getByRole('list', { name: 'What it offers' }).locator('[data-offered="true"]').first(),
  ).toBeVisible();
  await expect(page.getByRole('row', { name: /^Lists read/ })).toContainText(/ms|s/);
  await expect(page.getByText('Its schemas are larger than 256 KiB.')).toBeVisible();
  await expect(page.getByRole('region', { name: 'Schemas of the tools' }).getByRole('row')).toHaveCount(4);
  await isGood(page, 'capabilities');
});

test('the doctor is offered beside a fault, and tells the stage with its cause and fix', async () => {
  await visit(page, `${hub.url}/servers/crashing`);
  await page.getByRole('button', { name: 'Run the doctor' }).click();
  await expect(stage('first-byte')).toHaveAttribute('data-state', 'failed');
  await expect(stage('first-byte')).toContainText('exit code 7');
  await expect(stage('first-byte')).toContainText('fatal: giving up');
  await expect(stage('handshake')).toHaveAttribute('data-state', 'skipped');
  await expect(page).toHaveURL(/tab=doctor/);
  await isGood(page, 'doctor');
});

test('a test shows its stages while it runs and can be cancelled', async () => {
  await visit(page, `${hub.url}/servers/silent?tab=doctor`);
  await page.getByRole('button', { name: 'Run the test' }).click();
  await expect(stage('spawn')).toHaveAttribute('data-state', 'ok');
  await expect(stage('first-byte')).toHaveAttribute('data-state', 'running');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByText('Cancelled.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Test again' })).toBeVisible();
});

test('settings are tested before they are saved, with the fix where they fail', async () => {
  await visit(page, `${hub.url}/servers?add=true`);
  const dialog = page.getByRole('dialog', { name: 'Add a server' });
  await dialog.getByRole('tab', { name: 'Manual' }).click();
  await dialog.getByRole('button', { name: 'Test', exact: true }).click();
  await expect(dialog.getByText('name the program to run')).toBeVisible();
  await dialog.getByRole('textbox', { name: 'Name' }).fill('draft');
  await dialog.getByLabel('Command').fill('uvx-is-not-here');
  await dialog.getByRole('button', { name: 'Test', exact: true }).click();
  await expect(stage('command')).toHaveAttribute('data-state', 'failed');
  await dialog.getByLabel('Command').fill(process.execPath);
  await dialog.getByLabel('Arguments').fill(everything);
  await dialog.getByRole('button', { name: 'Test', exact: true }).click();
  await expect(stage('stop')).toHaveAttribute('data-state', 'ok', { timeout: 30_000 });
  await expect(stage('stop')).toBeInViewport();
  await isGood(page, 'settings-tested');
  const saved = await page.request.get(`${hub.url}/api/v1/servers/draft`);
  expect(saved.status()).toBe(404);
});
