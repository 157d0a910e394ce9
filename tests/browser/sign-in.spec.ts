// Signing in at a provider as people meet it: the button, what a refused visitor reads, the page of rules, linking, the
// second factor afterwards, and a hub without passwords.
import { expect, type Page, test } from '@playwright/test';
import { TOTP } from 'otpauth';
import { freePort } from '../../scripts/launcher/port';
import { isGood } from '../support/good-page';
import { type Hub, startHub } from '../support/hub';
import { rest } from '../support/hub-client';
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider';
import { visit } from '../support/visit';

let hub: Hub;
let idp: IdentityProvider;
let env: Record<string, string>;
let admin: Page;

test.describe.configure({ mode: 'serial' });

test.beforeAll(async ({ browser }) => {
  test.setTimeout(240_000);
  const port = await freePort();
  idp = await startIdentityProvider({ redirectUris: [`http://127.0.0.1:${port}/api/auth/callback/oidc`] });
  env = {
    MCPHUB_OIDC_ISSUER: idp.issuer,
    MCPHUB_OIDC_CLIENT_ID: idp.client.id,
    MCPHUB_OIDC_CLIENT_SECRET: idp.client.secret,
    MCPHUB_OIDC_NAME: 'Example Corp',
    MCPHUB_GITHUB_CLIENT_ID: 'app',
    MCPHUB_GITHUB_CLIENT_SECRET: 'not asked for here',
  };
  hub = await startHub({ web: true, port, env });
  await rest(hub, 'POST', '/groups', { name: 'research' });
  admin = await (await browser.newContext()).newPage();
});

test.afterAll(async () => {
  await admin?.context().close();
  await hub?.stop();
  await idp?.close();
});

const overview = (page: Page) => page.getByRole('heading', { name: 'Overview', level: 1 });
const throughProvider = (page: Page) => page.getByRole('button', { name: 'Continue with Example Corp' }).click();

test('who may not sign in here reads so, and the provider that cannot be reached is told of on the spot', async ({
  browser,
}) => {
  const page = await (await browser.newContext()).newPage();
  const blocked: string[] = [];
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) blocked.push(message.text());
  });
  await visit(page, `${hub.url}/signin`);
  await expect(page.getByRole('button', { name: 'Continue with GitHub' })).toBeVisible();
  await isGood(page, 'sign-in');
  idp.person = { sub: 'ada', preferred_username: 'ada', email: 'ada@example.org', email_verified: true };
  await throughProvider(page);
  await expect(page.getByText('You may not sign in here this way')).toBeVisible();
  await isGood(page, 'sign-in-refused');
  // The provider would know this browser by now.
  await page.context().clearCookies();
  idp.person = null;
  await throughProvider(page);
  await expect(page.getByText('The sign-in was cancelled')).toBeVisible();
  idp.isSilent = true;
  await throughProvider(page);
  await expect(page.getByText('cannot be reached')).toBeVisible();
  await expect(page.getByText('The sign-in was cancelled')).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Continue with Example Corp' })).toBeEnabled();
  await isGood(page, 'sign-in-unreachable');
  idp.isSilent = false;
  expect(blocked).toEqual([]);
  await page.context().close();
});

test('an administrator writes a rule, tries it, and changes it', async () => {
  await visit(admin, `${hub.url}/signin`);
  await admin.getByLabel('Name').fill(hub.admin.username);
  await admin.getByLabel('Password').fill(hub.admin.password);
  await admin.getByRole('button', { name: 'Sign in' }).click();
  await expect(overview(admin)).toBeVisible();
  await admin.getByRole('link', { name: 'Sign-in', exact: true }).click();
  await expect(admin.getByRole('heading', { name: 'Sign-in', level: 1 })).toBeVisible();
  await expect(admin.locator('[data-provider="oidc"]').filter({ visible: true })).toContainText(
    `${hub.url}/api/auth/callback/oidc`,
  );
  await isGood(admin, 'sign-in-settings-empty');

  await admin.getByRole('button', { name: 'New rule' }).click();
  await admin.getByRole('button', { name: 'Add rule' }).click();
  await expect(admin.getByText('Name a claim')).toBeVisible();
  await isGood(admin, 'sign-in-rule-faults');
  await admin.getByLabel('Claim', { exact: true }).fill('groups');
  await admin.getByLabel('Is, or holds').fill('science');
  await admin.getByLabel('manager').check();
  await admin.getByLabel('research').check();
  await isGood(admin, 'sign-in-rule');
  await admin.getByRole('button', { name: 'Add rule' }).click();
  const row = admin.locator('[data-rule]').filter({ visible: true });
  await expect(row).toContainText('groups is science');

  await admin.getByLabel('Claims').fill('{"groups": ["science"]}');
  await admin.getByRole('button', { name: 'Try' }).click();
  await expect(admin.locator('[data-trial]')).toContainText('roles: manager; groups: research');
  await expect(admin.locator('[data-trial]')).toContainText('Somebody new would get an account');
  await isGood(admin, 'sign-in-settings');
  await admin.getByLabel('Claims').fill('[1]');
  await admin.getByRole('button', { name: 'Try' }).click();
  await expect(admin.getByText('Paste a JSON object')).toBeVisible();

  await admin.getByRole('button', { name: 'Change the rule groups is science' }).click();
  await admin.getByLabel('Is, or holds').fill('research');
  await admin.getByRole('button', { name: 'Save' }).last().click();
  await expect(row).toContainText('groups is research');

  const domains = admin.getByLabel(/Only with a verified e-mail/);
  await domains.fill('not a domain');
  await admin.getByRole('button', { name: 'Save' }).click();
  await expect(admin.getByText(/no domain such as/)).toBeVisible();
  await domains.fill('example.org');
  await admin.getByRole('button', { name: 'Save' }).click();
  await expect(admin.getByText('Saved: it holds from the next sign-in on')).toBeVisible();
});

test('somebody new gets in by the button, with what the rule gives, and is led on', async ({ browser }) => {
  const page = await (await browser.newContext()).newPage();
  idp.person = {
    sub: 'ada',
    preferred_username: 'ada',
    email: 'ada@example.org',
    email_verified: true,
    groups: ['research'],
  };
  await visit(page, `${hub.url}/account`);
  await throughProvider(page);
  await expect(page.getByRole('heading', { name: 'Account', level: 1 })).toBeVisible();
  await expect(page.getByText('Signed in as ada, with the role manager.')).toBeVisible();
  await expect(page.locator('[data-identity]').filter({ visible: true })).toContainText('ada@example.org');
  await isGood(page, 'account-of-provider');

  // Without a password the sign-in of a moment ago is the proof.
  const dialog = page.getByRole('dialog');
  await page.getByRole('button', { name: 'Switch on', exact: true }).click();
  await expect(dialog.getByLabel('Password')).toHaveCount(0);
  await isGood(page, 'account-of-provider-factor');
  await dialog.getByRole('button', { name: 'Continue' }).click();
  const secret = (await dialog.locator('[data-secret]').textContent())?.replaceAll(' ', '') ?? '';
  await dialog.getByLabel('Code that the app shows now').fill(new TOTP({ secret }).generate());
  await dialog.getByRole('button', { name: 'Confirm' }).click();
  const codes = dialog.locator('[data-recovery] li');
  await expect(codes).toHaveCount(10);
  const [first] = await codes.allTextContents();
  await dialog.getByRole('button', { name: 'I have them' }).click();
  await page.getByRole('button', { name: 'New recovery codes' }).click();
  await dialog.getByRole('button', { name: 'Make new codes' }).click();
  await expect(dialog.getByText('Those from before are good no more.')).toBeVisible();
  expect(await codes.allTextContents()).not.toContain(first);
  await isGood(page, 'account-of-provider-codes');
  await dialog.getByRole('button', { name: 'I have them' }).click();
  await page.getByRole('button', { name: 'Switch off', exact: true }).click();
  await dialog.getByRole('button', { name: 'Switch off', exact: true }).click();
  await expect(page.getByText('Second factor switched off')).toBeVisible();

  await page.getByRole('button', { name: /^Unlink Example Corp/ }).click();
  await page.getByRole('button', { name: 'Unlink', exact: true }).last().click();
  await expect(page.getByText('your only way to sign in')).toBeVisible();
  await page.context().close();
});

test('a user links an identity, and is asked for the second factor after it', async ({ browser }) => {
  idp.person = { sub: 'the-admin', email: 'root@example.org', email_verified: true };
  await visit(admin, `${hub.url}/account`);
  await admin.getByRole('button', { name: 'Link Example Corp' }).click();
  await isGood(admin, 'account-link');
  await admin.getByRole('button', { name: 'Continue' }).click();
  await expect(admin.locator('#main').getByText('The account is linked')).toBeVisible();
  await isGood(admin, 'account-linked');

  const headers = { origin: hub.url };
  const started = await admin.request.post(`${hub.url}/api/v1/me/second-factor`, {
    headers,
    data: { password: hub.admin.password },
  });
  const { secret } = await started.json();
  // The code of the step before is accepted too, so that the present one is left for the sign-in.
  const code = (at: number) => new TOTP({ secret }).generate({ timestamp: at });
  const confirmed = await admin.request.post(`${hub.url}/api/v1/me/second-factor/confirm`, {
    headers,
    data: { code: code(Date.now() - 30_000) },
  });
  expect(confirmed.status(), await confirmed.text()).toBe(200);

  const page = await (await browser.newContext()).newPage();
  await visit(page, `${hub.url}/signin?next=/keys`);
  await throughProvider(page);
  await expect(page.getByLabel('Code')).toBeVisible();
  await visit(page, `${hub.url}/keys`);
  await expect(page.getByLabel('Code'), 'a ticket is no session').toBeVisible();
  await page.getByLabel('Code').fill(code(Date.now()));
  await page.getByRole('button', { name: 'Confirm' }).click();
  await expect(page.getByRole('heading', { name: 'Keys', level: 1 })).toBeVisible();
  await page.context().close();

  await visit(admin, `${hub.url}/account`);
  await admin.getByRole('button', { name: /^Unlink Example Corp/ }).click();
  await admin.getByRole('button', { name: 'Unlink', exact: true }).last().click();
  await expect(admin.getByText('None is linked.')).toBeVisible();
});

test('without passwords only the button is there, and passwords open nothing', async ({ browser }) => {
  test.setTimeout(120_000);
  await hub.stop({ keepData: true });
  hub = await startHub({
    web: true,
    port: hub.port,
    dataDir: hub.dataDir,
    env: { ...env, MCPHUB_PASSWORD_SIGN_IN: 'false', MCPHUB_BOOTSTRAP_API_KEY: hub.apiKey },
  });
  const page = await (await browser.newContext()).newPage();
  await visit(page, `${hub.url}/signin`);
  await expect(page.getByRole('button', { name: 'Continue with Example Corp' })).toBeVisible();
  await expect(page.getByLabel('Password')).toHaveCount(0);
  await isGood(page, 'sign-in-without-passwords');
  const { csrfToken } = await (await page.request.get(`${hub.url}/api/auth/csrf`)).json();
  await page.request.post(`${hub.url}/api/auth/callback/credentials`, {
    headers: { origin: hub.url },
    form: { username: hub.admin.username, password: hub.admin.password, csrfToken, json: 'true' },
  });
  expect((await page.request.get(`${hub.url}/api/v1/me`)).status()).toBe(401);
  idp.person = { sub: 'ada', email: 'ada@example.org', email_verified: true, groups: ['research'] };
  await throughProvider(page);
  await expect(overview(page)).toBeVisible();
  await page.context().close();
});
