// People and their accounts as they meet them in the browser: an invite, the second factor, a session that is revoked.
import { type BrowserContext, expect, type Page, test } from '@playwright/test';
import { TOTP } from 'otpauth';
import { isGood } from '../support/good-page';
import { type Hub, startHub } from '../support/hub';
import { visit } from '../support/visit';

const password = 'a long password of ada';

let hub: Hub;
let admin: Page;
let ada: Page;
let adaContext: BrowserContext;
let secret = '';
let recovery = '';

test.describe.configure({ mode: 'serial' });

test.beforeAll(async ({ browser }) => {
  test.setTimeout(240_000);
  hub = await startHub({ web: true });
  admin = await (await browser.newContext()).newPage();
  adaContext = await browser.newContext();
  ada = await adaContext.newPage();
  await signIn(admin, hub.admin.username, hub.admin.password);
  await expect(admin.getByRole('heading', { name: 'Overview', level: 1 })).toBeVisible();
});

test.afterAll(async () => {
  await admin?.context().close();
  await adaContext?.close();
  await hub?.stop();
});

async function signIn(page: Page, name: string, given: string): Promise<void> {
  await visit(page, `${hub.url}/signin`);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(given);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

test('an invite makes an account that is signed in, and works once', async () => {
  await admin.getByRole('link', { name: 'Users', exact: true }).click();
  await expect(admin.getByRole('heading', { name: 'Users', level: 1 })).toBeVisible();
  await admin.getByRole('button', { name: 'Invite' }).click();
  await admin.getByLabel('For whom').fill('Ada');
  await isGood(admin, 'invite-dialog');
  await admin.getByRole('button', { name: 'Make the link' }).click();
  const link = (await admin.locator('[data-link]').textContent()) ?? '';
  await admin.getByRole('button', { name: 'Done' }).click();
  await expect(admin.locator('[data-invite="Ada"]').filter({ visible: true })).toBeVisible();
  await isGood(admin, 'users');

  await visit(ada, link);
  await isGood(ada, 'invite');
  await ada.getByLabel('Name').fill('ada');
  await ada.getByLabel('Password', { exact: true }).fill(password);
  await ada.getByLabel('Password, once more').fill('another one');
  await ada.getByRole('button', { name: 'Create account' }).click();
  await expect(ada.getByText('This is not the same password.')).toBeVisible();
  await ada.getByLabel('Password, once more').fill(password);
  await ada.getByRole('button', { name: 'Create account' }).click();
  await expect(ada.getByRole('button', { name: 'Account of ada' })).toBeVisible();
  await visit(ada, link);
  await expect(ada.getByText('not valid any more')).toBeVisible();
});

test('the second factor is switched on with a first code, and the recovery codes are shown', async () => {
  await visit(ada, `${hub.url}/account`);
  await isGood(ada, 'account');
  await ada.getByRole('button', { name: 'Switch on' }).click();
  await ada.getByRole('dialog').getByLabel('Password').fill(password);
  await ada.getByRole('button', { name: 'Continue' }).click();
  await expect(ada.getByRole('img', { name: 'QR code of the secret' })).toBeVisible();
  await isGood(ada, 'second-factor');
  secret = ((await ada.locator('[data-secret]').textContent()) ?? '').replaceAll(' ', '');
  // One step back is within what clocks may differ; the present code is kept for the sign-in.
  const code = new TOTP({ secret }).generate({ timestamp: Date.now() - 30_000 });
  await ada.getByLabel('Code that the app shows now').fill(code);
  await ada.getByRole('button', { name: 'Confirm' }).click();
  const codes = ada.locator('[data-recovery] li');
  await expect(codes).toHaveCount(10);
  recovery = (await codes.first().textContent()) ?? '';
  await isGood(ada, 'recovery-codes');
  await ada.getByRole('button', { name: 'I have them' }).click();
  await expect(ada.getByText('10 recovery codes are left')).toBeVisible();
});

test('a sign-in takes the code as its second step', async () => {
  await adaContext.clearCookies();
  await signIn(ada, 'ada', password);
  await expect(ada.getByLabel('Code')).toBeFocused();
  await isGood(ada, 'sign-in-code');
  await ada.getByLabel('Code').fill('000000');
  await ada.getByRole('button', { name: 'Confirm' }).click();
  await expect(ada.getByText('The code is wrong, or was used already.')).toBeVisible();
  await ada.getByLabel('Code').fill(recovery);
  await ada.getByRole('button', { name: 'Confirm' }).click();
  await expect(ada.getByRole('button', { name: 'Account of ada' })).toBeVisible();
});

test('an administrator sees the session, ends it, and the browser is out', async () => {
  await visit(admin, `${hub.url}/users`);
  await admin.getByRole('link', { name: 'ada', exact: true }).click();
  await expect(admin.getByRole('heading', { name: 'ada', level: 1 })).toBeVisible();
  await isGood(admin, 'user');
  const sessions = admin.locator('[data-session]').filter({ visible: true });
  const before = await sessions.count();
  await sessions
    .first()
    .getByRole('button', { name: /^Sign out/ })
    .click();
  await expect(sessions).toHaveCount(before - 1);
  await visit(ada, `${hub.url}/account`);
  await expect(ada).toHaveURL(/\/signin/);
});

test('roles are given and taken, and the last admin keeps it', async () => {
  await admin.getByRole('checkbox', { name: 'auditor' }).check();
  await admin.getByRole('button', { name: 'Save' }).click();
  await expect(admin.getByText('Saved: it holds at once')).toBeVisible();
  await visit(admin, `${hub.url}/users`);
  await expect(admin.locator('[data-user="ada"]').filter({ visible: true })).toContainText('auditor');
  await admin.getByRole('link', { name: hub.admin.username, exact: true }).click();
  await admin.getByRole('checkbox', { name: 'admin' }).uncheck();
  await admin.getByRole('button', { name: 'Save' }).click();
  await expect(admin.getByText('This is the last admin')).toBeVisible();
});
