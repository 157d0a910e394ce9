// What a page may load and run: the Content-Security-Policy holds on every page of the tree without one report, and an
// injected script does not run. Pages are found in app/, so a new one is walked without being named here.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type BrowserContext, expect, type Page, test } from '@playwright/test';
import { type Hub, startHub } from '../support/hub';
import { visit } from '../support/visit';

const everything = join(process.cwd(), 'node_modules/@modelcontextprotocol/server-everything/dist/index.js');

let hub: Hub;
let context: BrowserContext;
let page: Page;
/** Reports of violations so far. */
let reports: string[] = [];

test.describe.configure({ mode: 'serial' });

test.beforeAll(async ({ browser }) => {
  test.setTimeout(240_000);
  hub = await startHub({
    web: true,
    config: { mcpServers: { demo: { command: process.execPath, args: [everything] } } },
  });
  context = await browser.newContext();
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`CSP report: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile} ${event.sample}`);
    });
  });
  page = await context.newPage();
  page.on('console', (message) => {
    if (/CSP report|Content.Security.Policy/i.test(message.text())) reports.push(`${page.url()}: ${message.text()}`);
  });
  await visit(page, `${hub.url}/signin`);
  await page.getByLabel('Name').fill(hub.admin.username);
  await page.getByLabel('Password').fill(hub.admin.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { name: 'Overview', level: 1 })).toBeVisible();
  const group = { name: 'tools', servers: ['demo'] };
  await page.request.post(`${hub.url}/api/v1/groups`, { data: group, headers: { origin: hub.url } });
});

test.afterAll(async () => {
  await context?.close();
  await hub?.stop();
});

/** What stands for a part of a path that is a parameter; anything else leads to "not found", which is a page too. */
const parameters: Record<string, string> = { 'servers/[name]': 'demo', 'groups/[name]': 'tools' };

function pagesOfTheTree(): string[] {
  const files = readdirSync(join(process.cwd(), 'app'), { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => /(^|\/)page\.tsx$/.test(file))
    .map((file) => {
      const parts = file
        .split('/')
        .slice(0, -1)
        .filter((part) => !/^\(.*\)$/.test(part));
      return `/${parts.map((part, at) => (part.startsWith('[') ? (parameters[parts.slice(0, at + 1).join('/')] ?? 'nothing') : part)).join('/')}`;
    })
    .sort();
}

async function look(path: string): Promise<Record<string, string>> {
  const response = await visit(page, hub.url + path);
  await expect(page.locator('main').first(), path).toBeVisible();
  return response?.headers() ?? {};
}

/** What every answer to a browser has to say. */
const expected: Record<string, RegExp> = {
  'x-content-type-options': /^nosniff$/,
  'x-frame-options': /^DENY$/,
  'referrer-policy': /^same-origin$/,
  'permissions-policy': /camera=\(\)/,
  'cross-origin-opener-policy': /^same-origin$/,
  'cross-origin-resource-policy': /^same-origin$/,
};

/** The headers that are missing, and directives that a page must have or must not have. */
function faultsOf(headers: Record<string, string>): string[] {
  const missing = Object.entries(expected).filter(([name, value]) => !value.test(headers[name] ?? ''));
  const policy = new Map(
    (headers['content-security-policy'] ?? '').split('; ').map((each) => {
      const [name = '', ...values] = each.split(' ');
      return [name, values] as const;
    }),
  );
  const is = (name: string, ...values: string[]) => policy.get(name)?.join(' ') === values.join(' ');
  const wrong = [
    ["default-src 'none'", is('default-src', "'none'")],
    ["object-src 'none'", is('object-src', "'none'")],
    ["base-uri 'none'", is('base-uri', "'none'")],
    ["frame-ancestors 'none'", is('frame-ancestors', "'none'")],
    ["form-action 'self'", is('form-action', "'self'")],
    ["connect-src 'self'", is('connect-src', "'self'")],
    ["'strict-dynamic'", policy.get('script-src')?.includes("'strict-dynamic'")],
    ['a nonce for scripts', policy.get('script-src')?.some((each) => /^'nonce-[\w+/=]{20,}'$/.test(each))],
    ['a nonce for styles', policy.get('style-src')?.some((each) => each.startsWith("'nonce-"))],
    ['no unsafe scripts', !/unsafe/.test(policy.get('script-src')?.join(' ') ?? 'unsafe')],
    ['no unsafe style elements', !/unsafe/.test(policy.get('style-src')?.join(' ') ?? 'unsafe')],
  ] as const;
  return [...missing.map(([name]) => name), ...wrong.filter(([, holds]) => !holds).map(([name]) => name)];
}

test('every page keeps its policy, without one report of a violation, and has every header [T-XSS-01, T-XSS-02]', async () => {
  test.setTimeout(240_000);
  const nonces = new Set<string>();
  const tabs = ['tools', 'config', 'logs', 'doctor'].map((tab) => `/servers/demo?tab=${tab}`);
  const further = ['/nothing-here', '/servers?add=true', ...tabs, '/playground?server=demo&tool=echo'];
  for (const path of [...pagesOfTheTree(), ...further]) {
    const headers = await look(path);
    expect(faultsOf(headers), path).toEqual([]);
    nonces.add(/'nonce-([^']+)'/.exec(headers['content-security-policy'] ?? '')?.[1] ?? path);
    await page.evaluate(() => new Promise((done) => requestIdleCallback(done, { timeout: 2_000 })));
  }
  expect(nonces.size, 'a nonce is used once').toBe(pagesOfTheTree().length + further.length);
  expect(reports).toEqual([]);
});

test('dialogs, menus, themes and toasts bring no styles or code that the policy forbids', async () => {
  await look('/servers');
  await page.getByRole('button', { name: 'Add server' }).click();
  const dialog = page.getByRole('dialog');
  await dialog
    .getByLabel('Configuration, command or URL')
    .fill('{"mcpServers": {"second": {"url": "http://127.0.0.1:9/mcp"}}}');
  await dialog.getByRole('button', { name: 'Preview' }).click();
  await dialog.getByRole('button', { name: 'Add 1 server' }).click();
  await expect(page.locator('[data-sonner-toast]').first()).toBeVisible();
  // Sonner's style sheet is in force: without it the toast would stand in the flow of the page.
  expect(await page.locator('[data-sonner-toaster]').evaluate((list) => getComputedStyle(list).position)).toBe('fixed');
  await expect(dialog).toBeHidden();
  await page.getByRole('button', { name: 'Add server' }).click();
  await expect(dialog).toBeVisible();
  // The scroll lock of a dialog is a style element that carries the nonce of the page.
  expect(await page.evaluate(() => getComputedStyle(document.body).overflow)).toBe('hidden');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Account of admin' }).click();
  await expect(page.getByRole('menu')).toBeVisible();
  await page.keyboard.press('Escape');
  await look('/keys');
  await page.getByRole('button', { name: /key/i }).first().click();
  await expect(page.getByRole('dialog')).toBeVisible();
  expect(reports).toEqual([]);
});

test('a script, a handler and a style that were slipped into a page do nothing, and are reported [T-XSS-01]', async () => {
  const planted =
    '<script>globalThis.planted = "script"</script><img src="data:," onerror="globalThis.planted = \'handler\'">' +
    '<a href="javascript:globalThis.planted=1" id="planted-link">x</a><style>main { display: none !important }</style>' +
    '<base href="https://evil.example/">';
  await page.route('**/keys', async (route) => {
    const response = await route.fetch();
    const html = await response.text();
    expect(html).toContain('</body>');
    await route.fulfill({ response, body: html.replace('</body>', `${planted}</body>`) });
  });
  await look('/keys');
  await page.unroute('**/keys');
  await page.locator('#planted-link').dispatchEvent('click');
  await expect.poll(() => reports.length).toBeGreaterThan(3);
  expect(await page.evaluate(() => 'planted' in globalThis)).toBe(false);
  expect(await page.evaluate(() => document.baseURI.startsWith(location.origin))).toBe(true);
  const seen = reports.join('\n');
  for (const directive of ['script-src-elem', 'script-src-attr', 'style-src-elem', 'base-uri'])
    expect(seen).toContain(directive);
  reports = [];
});

test('files, answers of the API and refusals of the door have the headers too [T-XSS-02]', async () => {
  const html = await (await page.request.get(`${hub.url}/servers`)).text();
  const script = /src="(\/_next\/static\/[^"]+\.js)"/.exec(html)?.[1];
  expect(script).toBeTruthy();
  const paths = [
    script as string,
    '/icon.svg',
    '/api/v1/servers',
    '/api/v1/nothing',
    '/api/nothing',
    '/api/openapi.json',
    '/api/auth/session',
    '/healthz',
    '/readyz',
    '/metrics',
    '/x//y',
    '/%zz',
    '/socket.io/?EIO=4',
  ];
  for (const path of paths) {
    const headers = (await page.request.get(hub.url + path, { maxRedirects: 0 })).headers();
    const missing = Object.entries(expected).filter(([name, value]) => !value.test(headers[name] ?? ''));
    expect(
      missing.map(([name]) => name),
      path,
    ).toEqual([]);
    expect(headers['content-security-policy'], path).toContain("frame-ancestors 'none'");
    // By plain http nobody may be told to come by https for a year.
    expect(headers['strict-transport-security'], path).toBeUndefined();
  }
});
