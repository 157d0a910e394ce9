// Takes the pictures of the README from a real hub with real servers: `npm run screenshots` writes them to
// public/screenshots. Nothing in them is drawn by hand, so they are right as long as the product is.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Browser, chromium, type Page } from '@playwright/test';
import { type Hub, startHub } from '../../tests/support/hub';
import { until } from '../../tests/support/until';

const out = join(process.cwd(), 'public/screenshots');

interface Picture {
  path: string;
  name: string;
  theme: 'light' | 'dark';
  size?: { width: number; height: number };
  /** Done before the picture is taken. */
  prepare?: (page: Page) => Promise<void>;
}

const desk = { width: 1280, height: 800 };
const phone = { width: 390, height: 844 };

const pictures: Picture[] = [
  { path: '/', name: 'overview', theme: 'dark' },
  { path: '/servers', name: 'servers', theme: 'light' },
  { path: '/servers', name: 'servers-phone', theme: 'light', size: phone },
  {
    path: '/playground?server=everything&tool=get-sum',
    name: 'playground',
    theme: 'light',
    async prepare(page) {
      await page.getByLabel('a', { exact: true }).fill('19');
      await page.getByLabel('b', { exact: true }).fill('23');
      await page.getByRole('button', { name: 'Run', exact: true }).click();
      await page
        .getByText(/\b42\b/)
        .first()
        .waitFor();
    },
  },
];

/** Tool calls that fill the log, with what a real client would send. */
const calls: [server: string, tool: string, args: Record<string, unknown>][] = [
  [
    'memory',
    'create_entities',
    { entities: [{ name: 'MCPHub', entityType: 'project', observations: ['one endpoint'] }] },
  ],
  ['memory', 'search_nodes', { query: 'project' }],
  ['memory', 'read_graph', {}],
  ['everything', 'echo', { message: 'hello' }],
  ['everything', 'get-sum', { a: 2, b: 3 }],
  ['filesystem', 'list_allowed_directories', {}],
  ['filesystem', 'read_text_file', { path: '/no/such/file' }],
];

/** @returns the exit code */
export async function screenshots(): Promise<number> {
  mkdirSync(out, { recursive: true });
  const shared = mkdtempSync(join(tmpdir(), 'mcphub-pictures-'));
  const hub = await startHub({
    web: true,
    config: configOf(shared),
    // Shown where a program is not found; the reader's is not ours.
    env: { PATH: [...new Set([dirname(process.execPath), '/usr/bin', '/bin'])].join(':') },
  });
  let browser: Browser | undefined;
  try {
    await seed(hub);
    browser = await chromium.launch({
      executablePath: process.env.MCPHUB_TEST_CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    });
    for (const picture of pictures) await take(browser, hub, picture);
  } finally {
    await browser?.close();
    await hub.stop();
    rmSync(shared, { recursive: true, force: true });
  }
  return 0;
}

function configOf(shared: string) {
  // npx finds the installed packages, and the pictures show a command that readers know.
  const program = (name: string, ...args: string[]) => ({
    command: 'npx',
    args: ['-y', `@modelcontextprotocol/server-${name}`, ...args],
  });
  return {
    mcpServers: {
      everything: program('everything'),
      filesystem: program('filesystem', shared),
      memory: { ...program('memory'), env: { MEMORY_FILE_PATH: join(shared, 'memory.jsonl') } },
      tickets: { command: 'acme-tickets-mcp', args: ['--stdio'] },
    },
  };
}

async function seed(hub: Hub): Promise<void> {
  const headers = { authorization: `Bearer ${hub.apiKey}`, 'content-type': 'application/json' };
  const isReady = async () => {
    const answer = await fetch(`${hub.url}/api/v1/servers`, { headers });
    const { data } = (await answer.json()) as { data: { status: { state: string } | null }[] };
    return data.filter(({ status }) => status?.state === 'ready').length === 3;
  };
  await until(isReady, 60_000, () => `the servers did not become ready:\n${hub.logs()}`);
  for (let round = 0; round < 6; round += 1) {
    for (const [server, tool, args] of calls) {
      await fetch(`${hub.url}/api/v1/tools/call`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ server, tool, arguments: args }),
      });
    }
  }
}

async function take(browser: Browser, hub: Hub, { path, name, theme, size = desk, prepare }: Picture): Promise<void> {
  const context = await browser.newContext({ colorScheme: theme, viewport: size, reducedMotion: 'reduce' });
  const page = await context.newPage();
  await page.goto(`${hub.url}/signin?next=${encodeURIComponent(path)}`);
  await page.getByLabel('Name').fill(hub.admin.username);
  await page.getByLabel('Password').fill(hub.admin.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(`${hub.url}${path}`);
  await page.getByRole('button', { name: /^Live/ }).waitFor();
  await prepare?.(page);
  await page.screenshot({ path: join(out, `${name}.png`) });
  await context.close();
  console.log(`public/screenshots/${name}.png`);
}
