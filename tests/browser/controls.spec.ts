// Every button that changes something, pressed in the browser and judged by what the hub then does: servers, keys,
// groups, runs, theme, session.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { expect, type Page, test } from '@playwright/test';
import { type EmbeddingsServer, startEmbeddingsServer } from '../support/embeddings-server';
import { isAccessible, isGood } from '../support/good-page';
import { type Hub, startHub } from '../support/hub';
import { rest as ask } from '../support/hub-client';
import { visit } from '../support/visit';

const program = (name: string) =>
  join(process.cwd(), `node_modules/@modelcontextprotocol/server-${name}/dist/index.js`);

let hub: Hub;
let embeddings: EmbeddingsServer;
let page: Page;

test.describe.configure({ mode: 'serial' });

test.beforeAll(async ({ browser }) => {
  test.setTimeout(240_000);
  embeddings = await startEmbeddingsServer();
  hub = await startHub({
    web: true,
    config: { mcpServers: { memory: { command: process.execPath, args: [program('memory')] } } },
    env: { MCPHUB_EMBEDDINGS_URL: embeddings.url, MCPHUB_EMBEDDINGS_MODEL: 'small' },
  });
  await rest('/servers', {
    name: 'demo',
    type: 'stdio',
    command: process.execPath,
    args: [program('everything')],
    description: 'A server to press buttons on',
  });
  await rest('/servers', { name: 'broken', type: 'stdio', command: 'mcphub-no-such-program' });
  const context = await browser.newContext();
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: hub.url });
  page = await context.newPage();
  await signIn();
});

test.afterAll(async () => {
  await page?.context().close();
  await hub?.stop();
  await embeddings?.close();
});

async function rest(path: string, body: object): Promise<void> {
  const answer = await fetch(`${hub.url}/api/v1${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${hub.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(answer.status, await answer.text()).toBe(201);
}

async function signIn(): Promise<void> {
  await visit(page, `${hub.url}/signin`);
  await page.getByLabel('Name').fill(hub.admin.username);
  await page.getByLabel('Password').fill(hub.admin.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { name: 'Overview', level: 1 })).toBeVisible();
}

/** The official SDK's client at an endpoint of the hub. */
async function connect(path: string, key: string): Promise<Client> {
  const client = new Client({ name: 'browser-test', version: '1.0.0' });
  const headers = { authorization: `Bearer ${key}` };
  await client.connect(new StreamableHTTPClientTransport(new URL(hub.url + path), { requestInit: { headers } }));
  return client;
}

/** The HTTP status of an MCP request with this key. */
async function statusWith(key: string): Promise<number> {
  const answer = await fetch(hub.mcpUrl, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'probe', version: '1' } },
    }),
  });
  await answer.text();
  return answer.status;
}

// Inside #main: while a page streams, its parts are in the document twice.
const row = (name: string) => page.locator(`#main tr[data-server="${name}"]`);
const stateOf = (name: string, state: string) => row(name).locator(`[data-state="${state}"]:visible`);

/** The only process that is shown: for a moment the one that ends stands beside the one that begins. */
async function pidOf(page: Page): Promise<string> {
  const shown = page.getByText(/^pid \d+$/);
  await expect(shown).toHaveCount(1, { timeout: 30_000 });
  return (await shown.allTextContents()).join();
}

test('a ready server offers a restart and no start; a stop and a start take effect', async () => {
  await visit(page, `${hub.url}/servers`);
  await expect(stateOf('demo', 'ready')).toBeVisible({ timeout: 30_000 });
  await expect(row('demo').getByRole('button', { name: /^Start/ })).toHaveCount(0);
  await page.getByRole('button', { name: 'More for demo' }).click();
  await expect(page.getByRole('menuitem', { name: 'Start' })).toHaveCount(0);
  await page.getByRole('menuitem', { name: 'Stop' }).click();
  await expect(stateOf('demo', 'stopped')).toBeVisible();
  await expect(row('demo').getByRole('button', { name: /^Restart/ })).toHaveCount(0);
  await row('demo').getByRole('button', { name: 'Start: demo' }).click();
  await expect(stateOf('demo', 'ready')).toBeVisible({ timeout: 30_000 });
});

test('a restart gives the server a new process', async () => {
  await visit(page, `${hub.url}/servers/demo`);
  const before = await pidOf(page);
  await page.getByRole('button', { name: 'Restart: demo' }).click();
  await expect.poll(() => pidOf(page), { timeout: 30_000 }).not.toBe(before);
  await expect(page.getByRole('main').locator('[data-state="ready"]').first()).toBeVisible({ timeout: 30_000 });
});

test('what failed is offered another try, on its page beside the cause and nowhere twice', async () => {
  await visit(page, `${hub.url}/servers`);
  await expect(row('broken').getByRole('button', { name: 'Retry now: broken' })).toBeVisible();
  await visit(page, `${hub.url}/servers/broken?tab=logs`);
  await expect(page.getByRole('region', { name: 'What is wrong' })).toContainText('mcphub-no-such-program');
  await expect(page.getByRole('button', { name: /Retry now/ })).toHaveCount(1);
  await page.getByRole('button', { name: /Retry now/ }).click();
  await expect(page.getByRole('region', { name: 'What is wrong' })).toBeVisible();
});

test('a tool is found by what it shall do, says why, and is tried from there', async () => {
  await visit(page, `${hub.url}/tools`);
  const rows = page.getByRole('main').getByRole('listitem');
  await expect(rows.filter({ hasText: 'create_entities' })).toBeVisible();
  await page.getByRole('searchbox', { name: 'What a tool shall do' }).fill('remove how two people are related');
  const best = rows.first();
  await expect(best).toContainText('delete_relations');
  await expect(best).toContainText('remove ≈ delete in name');
  await expect(page.getByRole('status').filter({ hasText: 'the best first' })).toBeVisible();
  await expect(page).toHaveURL(/[?&]q=remove/);
  await page.reload();
  await expect(best).toContainText('delete_relations');
  await isAccessible(page, 'tools found');
  await page.getByRole('searchbox', { name: 'What a tool shall do' }).fill('qwrtz');
  await expect(page.getByText('No tool fits this')).toBeVisible();
  await page.getByRole('button', { name: 'Clear the search' }).click();
  await page.getByRole('link', { name: 'Try create_entities of memory' }).click();
  await expect(page.getByRole('heading', { name: 'Playground' })).toBeVisible();
  await expect(page.getByLabel('Tool', { exact: true })).toHaveValue('create_entities');
});

test('the page of tools says when they are found by words alone, and what to do', async () => {
  await visit(page, `${hub.url}/tools?q=read+the+graph`);
  await expect(page.getByRole('status').filter({ hasText: 'by words and meaning' })).toBeVisible();
  embeddings.fault = 'refuses-key';
  await visit(page, `${hub.url}/tools?q=read+other+things`);
  await expect(page.getByRole('status').filter({ hasText: 'the best first' })).not.toContainText('meaning');
  await page.reload();
  const notice = page.getByRole('status').filter({ hasText: 'by their words alone' });
  await expect(notice).toContainText('check MCPHUB_EMBEDDINGS_API_KEY');
  await isGood(page, 'tools-words-alone');
  embeddings.fault = null;
});

/** Requests of the test set, and where the search found their right tools. */
const entry = (request: string) => page.getByRole('row').filter({ hasText: request });
const latestRun = () => page.getByRole('region', { name: 'Latest measurement' });
const firstHit = async (query: string): Promise<string | undefined> =>
  (await ask(hub, 'POST', '/tools/search', { query })).json.hits[0]?.id;

test('a request that found nothing gets its right tool, and the search is measured by it', async () => {
  const search = () =>
    fetch(`${hub.url}/api/v1/tools/search`, {
      method: 'POST',
      headers: { authorization: `Bearer ${hub.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query: 'qwrtz' }),
    });
  // So many of one caller are waited for; with one more, the first is told of.
  for (let each = 0; each < 17; each += 1) expect((await search()).status).toBe(200);
  await visit(page, `${hub.url}/tools`);
  await page.getByRole('link', { name: 'Quality of the search' }).click();
  await expect(page.getByRole('heading', { name: 'Quality of the search', level: 1 })).toBeVisible();
  await page.getByRole('tab', { name: 'Test set' }).click();
  await expect(page.getByText('The test set is empty')).toBeVisible();
  const name = page.getByRole('button', { name: 'Name the right tool for “qwrtz”' });
  await expect(async () => {
    await visit(page, `${hub.url}/tools/quality`);
    await expect(name).toBeVisible({ timeout: 1_000 });
  }).toPass({ timeout: 15_000 });
  await isGood(page, 'quality-in-use');
  await name.click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog.getByLabel('Right tools')).toHaveAttribute('aria-invalid', 'true');
  await dialog.getByLabel('Find a tool').fill('read the graph');
  await dialog.getByRole('button', { name: 'Add memory/read_graph' }).click();
  await expect(dialog.getByLabel('Right tools')).toHaveValue('memory/read_graph');
  await dialog.getByLabel('Request').fill('read the whole graph');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog).toHaveCount(0);
  await expect(name).toBeFocused();

  await page.getByRole('tab', { name: 'Test set' }).click();
  const figures = latestRun();
  await expect(entry('read the whole graph')).toContainText('not measured');
  await page.getByRole('button', { name: 'Measure' }).click();
  await expect(figures).toContainText('1 of 1 request counted');
  await expect(figures.getByRole('definition').first()).toHaveText('100%');
  await expect(entry('read the whole graph').getByRole('cell').nth(2)).toHaveText('1');

  await page.getByRole('button', { name: 'Import' }).click();
  const lines = ['query,expected,note', 'fold the laundry,home/fold,"twice, by ""B"""', 'draw a picture,,'];
  await dialog.getByLabel('Text').fill(lines.join('\n'));
  await dialog.getByRole('button', { name: 'Check' }).click();
  await expect(dialog.getByRole('alert')).toContainText('line 3: expected');
  await dialog.getByLabel('Text').fill(lines.slice(0, 2).join('\n'));
  await dialog.getByRole('button', { name: 'Check' }).click();
  await expect(dialog.getByRole('status')).toContainText('1 new, 0 changed');
  await expect(dialog.getByRole('status')).toContainText('there is no home/fold');
  await dialog.getByRole('button', { name: 'Import' }).click();
  await expect(entry('fold the laundry')).toContainText('not measured');
  await page.getByRole('button', { name: 'Measure' }).click();
  await expect(figures).toContainText('Against the run before, over 1 request of both: 0 better, 0 worse');
  await expect(entry('fold the laundry')).toContainText('no tool there');
  await isGood(page, 'quality-test-set');
  await page.getByRole('button', { name: 'Change “fold the laundry”' }).click();
  await dialog.getByLabel('Right tools').fill('memory/delete_relations');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(entry('fold the laundry')).toContainText('not measured');
});

test('what a change of tools makes better and worse is shown request by request', async () => {
  const overlays = {
    open_nodes: { name: 'read_whole_graph', description: 'Read the whole graph.' },
    delete_relations: { description: 'Folds the laundry.' },
  };
  await page.getByRole('button', { name: 'Measure' }).click();
  await expect(latestRun()).toContainText('2 of 2 requests counted');
  await expect(entry('fold the laundry').getByRole('cell').nth(2)).toHaveText('not found');
  for (const [tool, overlay] of Object.entries(overlays)) {
    expect((await ask(hub, 'PUT', `/servers/memory/tools/${tool}/overlay`, overlay)).status).toBe(200);
  }
  await expect.poll(() => firstHit('fold the laundry')).toBe('memory__delete_relations');
  await page.getByRole('button', { name: 'Measure' }).click();
  await expect(latestRun()).toContainText(
    'over 2 requests of both: 1 better, 1 worse, with another engine or other tools',
  );
  await expect(latestRun().getByRole('definition').first()).toContainText('50% → 50%');
  await expect(entry('fold the laundry').getByRole('cell').nth(2)).toHaveText('1better, was not found');
  await expect(entry('read the whole graph').getByRole('cell').nth(2)).toHaveText('2worse, was 1');
  await isGood(page, 'quality-changes');
  const shown = page.getByLabel('Requests to show');
  await shown.selectOption({ label: 'Worse than before' });
  await expect(entry('fold the laundry')).toHaveCount(0);
  await expect(entry('read the whole graph')).toBeVisible();
  await shown.selectOption({ label: 'Better than before' });
  await expect(entry('read the whole graph')).toHaveCount(0);
  await expect(entry('fold the laundry')).toBeVisible();
  await shown.selectOption({ label: 'All requests' });
  for (const tool of Object.keys(overlays)) {
    expect((await ask(hub, 'DELETE', `/servers/memory/tools/${tool}/overlay`)).status).toBe(204);
  }
});

test('a test set that was exported comes back as it was', async () => {
  const dialog = page.getByRole('dialog');
  const download = async (label: string) => {
    await page.getByRole('button', { name: 'Export' }).click();
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('menuitem', { name: label }).click(),
    ]);
    return { name: file.suggestedFilename(), text: readFileSync(await file.path(), 'utf8') };
  };
  const csv = await download('As CSV');
  expect(csv.name).toMatch(/^search-cases-\d{4}-\d\d-\d\d\.csv$/);
  expect(csv.text.split('\r\n')).toEqual([
    'query,expected,group,note',
    'read the whole graph,memory/read_graph,,',
    'fold the laundry,memory/delete_relations,,"twice, by ""B"""',
    '',
  ]);
  const json = await download('As lines of JSON');
  expect(json.name).toMatch(/^search-cases-\d{4}-\d\d-\d\d\.jsonl$/);
  const written = json.text.trimEnd().split('\n');
  expect(written.map((line) => JSON.parse(line))).toEqual([
    { query: 'read the whole graph', expected: ['memory/read_graph'] },
    { query: 'fold the laundry', expected: ['memory/delete_relations'], note: 'twice, by "B"' },
  ]);

  await page.getByRole('button', { name: 'Remove “fold the laundry”' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Remove' }).click();
  await expect(entry('fold the laundry')).toHaveCount(0);
  for (const [{ text }, told, verb] of [
    [csv, '1 new, 0 changed, 1 there already', 'Import'],
    [json, '0 new, 0 changed, 2 there already', 'Cancel'],
  ] as const) {
    await page.getByRole('button', { name: 'Import' }).click();
    await dialog.getByLabel('Text').fill(text);
    await dialog.getByRole('button', { name: 'Check' }).click();
    await expect(dialog.getByRole('status')).toContainText(told);
    await dialog.getByRole('button', { name: verb }).click();
    await expect(dialog).toHaveCount(0);
    await expect(entry('fold the laundry')).toContainText('twice, by "B"');
  }
  expect((await download('As CSV')).text).toBe(csv.text);
});

test('a measurement under way is cancelled by its button and by leaving, and nothing of it is kept', async () => {
  const runs = async () => (await ask(hub, 'GET', '/tools/runs')).json.data.map(({ id }: { id: string }) => id);
  const before = await runs();
  const many = Array.from({ length: 1_998 }, (_, at) => ({ query: `request ${at}`, expected: ['memory/read_graph'] }));
  const text = many.map((each) => JSON.stringify(each)).join('\n');
  expect((await ask(hub, 'POST', '/tools/cases/import', { text })).json).toMatchObject({ added: 1_998 });
  // With such a service the whole set takes more than a minute.
  embeddings.takesMs = 200;
  await visit(page, `${hub.url}/tools/quality?view=test`);
  const progress = page.getByRole('status').filter({ hasText: /^Measuring: [1-9]\d* of 2,000 requests$/ });
  const measure = page.getByRole('button', { name: 'Measure' });
  /** For each request the worker asks the service: when it has asked nothing more for three times as long as that takes. */
  const isOver = async () => {
    let asked = -1;
    const asksNoMore = () => {
      const before = asked;
      asked = embeddings.requests.length;
      return asked === before;
    };
    await expect.poll(asksNoMore, { intervals: [600], timeout: 5_000 }).toBe(true);
  };
  await measure.click();
  await expect(progress).toBeVisible();
  expect((await ask(hub, 'POST', '/tools/runs')).json).toMatchObject({ status: 429, code: 'BUSY' });
  await page.getByRole('button', { name: 'Cancel', exact: true }).click();
  await expect(page.getByText('Cancelled: nothing of it is kept')).toBeVisible();
  await expect(measure).toBeFocused();
  await expect(page.getByRole('status').filter({ hasText: /^2,000 requests$/ })).toBeVisible();
  await isOver();

  await measure.click();
  await expect(progress).toBeVisible();
  await page.getByRole('link', { name: 'Playground', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'Playground', level: 1 })).toBeVisible();
  await isOver();
  embeddings.takesMs = 0;
  expect(await runs()).toEqual(before);
});

test('a tool that changed is held, shows what is new, and is served again once it is approved', async () => {
  const held = { definitionChanges: 'hold', env: { FIXTURE_TOOLS: 'all' } };
  const args = [join(process.cwd(), 'tests/support/servers/stdio.mjs')];
  await rest('/servers', { name: 'moody', type: 'stdio', command: process.execPath, args, ...held });
  const names = async () => {
    const client = await connect('/api/mcp/moody', hub.apiKey);
    const { tools } = await client.listTools();
    await client.close();
    return tools.map(({ name }) => name);
  };
  await expect.poll(names, { timeout: 30_000 }).toContain('echo');
  const client = await connect('/api/mcp/moody', hub.apiKey);
  const description = 'Fixture tool echo\u200b that tells others';
  await client.callTool({ name: 'redescribe', arguments: { name: 'echo', description } });
  await client.close();
  await expect.poll(names, { timeout: 10_000 }).not.toContain('echo');
  await visit(page, hub.url);
  const attention = page.getByRole('region', { name: 'Needs attention' }).getByRole('listitem');
  await expect(attention.filter({ hasText: 'moody' })).toContainText('1 changed tool');
  await expect(attention.filter({ hasText: 'moody' })).toContainText('Kept from callers');
  await isGood(page, 'overview-drift');
  await visit(page, `${hub.url}/servers`);
  await expect(row('moody').getByRole('link', { name: '1 changed tool' })).toBeVisible();
  await isGood(page, 'servers-drift');
  await visit(page, hub.url);
  await page.getByRole('link', { name: 'Review tools of moody' }).click();
  await expect(page.getByText('1 tool changed after it was first seen or approved')).toBeVisible();
  const tool = page.getByRole('listitem').filter({ hasText: 'Fixture tool echo' });
  await expect(tool).toContainText('changed, held');
  await expect(tool).toContainText('hidden characters');
  await tool.getByText('echo', { exact: true }).click();
  const changes = page.getByRole('region', { name: 'What changed in echo' });
  await expect(changes.locator('ins')).toContainText('⟦U+200B⟧ that tells others');
  await isAccessible(page, 'tool held');
  await changes.locator('..').getByRole('button', { name: 'Approve echo' }).click();
  await expect(page.getByText('Approved echo')).toBeVisible();
  await expect(page.getByText('changed after it was first seen')).toHaveCount(0);
  await expect.poll(names, { timeout: 10_000 }).toContain('echo');

  // An overlay hides no change: it is noticed by what the server says, and said to be hidden from models.
  const put = await fetch(`${hub.url}/api/v1/servers/moody/tools/echo/overlay`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${hub.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ description: 'Curated words' }),
  });
  expect(put.headers.get('etag')).toBe('"1"');
  const again = await connect('/api/mcp/moody', hub.apiKey);
  await again.callTool({ name: 'redescribe', arguments: { name: 'echo', description: 'Once more' } });
  await again.close();
  await expect.poll(names, { timeout: 10_000 }).not.toContain('echo');
  await visit(page, `${hub.url}/servers/moody?tab=tools`);
  await page.getByRole('listitem').filter({ hasText: 'Curated words' }).getByText('echo', { exact: true }).click();
  await expect(changes).toContainText('Models do not see this: on this server they are shown a curated description');
});

test('an endpoint is set to a search with a pinned tool, and a client that is connected is told at once', async () => {
  await rest('/groups', { name: 'shortlist', servers: [{ server: 'memory', tools: 'all' }] });
  const client = await connect('/api/mcp/shortlist', hub.apiKey);
  let told = 0;
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => void told++);
  const names = async () => (await client.listTools()).tools.map(({ name }) => name);
  await expect.poll(names, { timeout: 30_000 }).toContain('memory__create_entities');
  await visit(page, `${hub.url}/groups/shortlist`);
  const card = page.getByRole('region', { name: 'What clients see' });
  await expect(card.getByText(/^about [\d,]+ tokens/)).toHaveCount(2);
  await expect(card.getByText('None: pin what is needed')).toBeVisible();
  await card.getByLabel('Clients are listed').selectOption({ label: 'A search among them' });
  await card.getByLabel('Pin a tool').fill('create entities');
  await card.getByRole('button', { name: 'Pin memory/create_entities' }).click();
  await card.getByLabel('Pin a tool').fill('');
  await card.getByRole('button', { name: 'Save the list' }).click();
  await expect.poll(() => told, { timeout: 2_000 }).toBe(1);
  expect(await names()).toEqual(['search_tools', 'describe_tool', 'call_tool', 'memory__create_entities']);
  await client.close();
  await expect(card.getByText('A search, with 1 pinned tool')).toBeVisible();
  const shortlist = `${hub.url}/api/v1/groups/shortlist`;
  const headers = { authorization: `Bearer ${hub.apiKey}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ toolList: { pinned: ['memory/create_entities', 'memory/gone'] } });
  expect((await fetch(shortlist, { method: 'PATCH', headers, body })).status).toBe(200);
  await visit(page, `${hub.url}/groups/shortlist`);
  await expect(card.getByRole('listitem').filter({ hasText: 'memory/gone' })).toContainText('not offered now');
  await isGood(page, 'tool-list');
  await card.getByRole('button', { name: 'Unpin memory/gone' }).click();
  await card.getByRole('button', { name: 'Undo' }).click();
  await expect(card.getByText('memory/gone')).toBeVisible();
  await visit(page, `${hub.url}/connect`);
  await expect(page.getByRole('region', { name: 'What clients see' }).getByText('listed to you now')).toBeVisible();
});

test('a changed configuration restarts the server with it', async () => {
  await visit(page, `${hub.url}/servers/demo`);
  const before = await pidOf(page);
  await page.getByRole('tab', { name: 'Config' }).click();
  await page.getByRole('button', { name: 'Add a variable' }).click();
  await page.getByRole('textbox', { name: /name/i }).last().fill('MCPHUB_SEEN');
  await page.getByRole('textbox', { name: /value/i }).last().fill('yes');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Saved demo')).toBeVisible();
  await page.getByRole('tab', { name: 'Overview' }).click();
  await expect.poll(() => pidOf(page), { timeout: 30_000 }).not.toBe(before);
});

test('a server of the servers file says so, and can be neither changed nor removed here', async () => {
  await visit(page, `${hub.url}/servers/memory?tab=config`);
  await expect(page.locator('#main').getByText(/belongs to .*mcp\.json and is read-only here/)).toBeVisible();
  await expect(page.getByRole('button', { name: 'Save', exact: true })).toHaveCount(0);
  await page.getByRole('button', { name: 'More for memory' }).click();
  await expect(page.getByRole('menuitem', { name: 'Stop' })).toBeVisible();
  await expect(page.getByRole('menuitem', { name: /Remove/ })).toHaveCount(0);
  await page.keyboard.press('Escape');
});

test('a key for reading tools of one server alone is made, and rotated so that both secrets work for a while', async () => {
  await visit(page, `${hub.url}/keys?new=true`);
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('reader');
  await dialog.getByLabel('Read-only').click();
  await dialog.getByLabel('Only chosen groups, servers and tools').check();
  await dialog.getByRole('checkbox', { name: /^demo/ }).check();
  await dialog.getByLabel('Tools of demo').selectOption('some');
  await dialog.getByRole('checkbox', { name: 'echo', exact: true }).check();
  await dialog.getByRole('button', { name: 'Make the key' }).click();
  const shown = page.getByRole('dialog').locator('[data-secret]');
  const former = (await shown.textContent()) ?? '';
  await page.getByRole('button', { name: 'Done' }).click();
  await expect(page.locator('#main [data-key="reader"]')).toContainText('read-only; 1 tool: demo/echo');

  await page.getByRole('button', { name: 'Rotate key reader' }).click();
  await dialog.getByRole('button', { name: 'Make a new secret' }).click();
  await expect(shown).toBeVisible();
  const next = (await shown.textContent()) ?? '';
  expect(next).not.toBe(former);
  await dialog.getByRole('button', { name: 'Done' }).click();
  await expect(page.locator('#main [data-key="reader"]')).toHaveCount(2);
  expect([await statusWith(former), await statusWith(next)]).toEqual([200, 200]);
  const old = page.locator('#main [data-key="reader"]').filter({ hasText: 'old secret' });
  await old.getByRole('button', { name: 'Revoke key reader' }).click();
  const question = page.getByRole('alertdialog', { name: 'Revoke key reader?' });
  await question.getByRole('button', { name: 'Revoke' }).click();
  await expect(question).toBeHidden();
  expect([await statusWith(former), await statusWith(next)]).toEqual([401, 200]);
});

test('a key is shown once, lets a client in, and is refused at once when it is revoked', async () => {
  await visit(page, `${hub.url}/keys`);
  const open = page.getByRole('button', { name: 'New key' });
  await open.click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByLabel('Name')).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(open).toBeFocused();
  await open.click();
  await dialog.getByLabel('Name').fill('laptop');
  await page.keyboard.press('Enter');
  const shown = dialog.locator('[data-secret]');
  await expect(shown).toBeVisible();
  const secret = (await shown.textContent()) ?? '';
  await dialog.getByRole('button', { name: 'Copy the key' }).click();
  await expect(dialog.getByRole('button', { name: 'Copied' })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(secret);

  expect(await statusWith(secret)).toBe(200);
  await dialog.getByRole('button', { name: 'Done' }).click();
  await page.reload();
  await expect(page.locator('#main [data-key="laptop"]')).toBeVisible();
  expect(await page.content()).not.toContain(secret);

  await page.getByRole('button', { name: 'Revoke key laptop' }).click();
  const question = page.getByRole('alertdialog', { name: 'Revoke key laptop?' });
  await question.getByRole('button', { name: 'Revoke' }).click();
  await expect(question).toBeHidden();
  expect(await statusWith(secret)).toBe(401);
  await expect(page.locator('#main [data-key="laptop"]').getByText('Revoked')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Revoke key laptop' })).toHaveCount(0);
});

test('a new group has an endpoint of its own with the chosen tools', async () => {
  await visit(page, `${hub.url}/groups?new=true`);
  const dialog = page.getByRole('dialog', { name: 'New group' });
  await dialog.getByLabel('Name', { exact: true }).fill('small');
  await dialog.getByRole('checkbox', { name: /^demo/ }).check();
  await dialog.getByLabel('Tools of demo').selectOption('some');
  await dialog.getByRole('checkbox', { name: 'echo', exact: true }).check();
  await dialog.getByRole('button', { name: 'Create the group' }).click();
  await expect(page.getByRole('heading', { name: 'small', level: 1 })).toBeVisible();

  const client = await connect('/api/mcp/small', hub.apiKey);
  try {
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['demo__echo']);
    const answer = await client.callTool({ name: 'demo__echo', arguments: { message: 'through the group' } });
    expect(JSON.stringify(answer.content)).toContain('through the group');
  } finally {
    await client.close();
  }
});

test('what models see of a tool is edited, seen before it is saved, in force at once, and taken back', async () => {
  const told: number[] = [];
  const client = await connect('/api/mcp/demo', hub.apiKey);
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => void told.push(Date.now()));
  const names = async () => (await client.listTools()).tools.map(({ name }) => name);
  expect(await names()).toContain('get-sum');
  await visit(page, `${hub.url}/servers/demo?tab=tools`);
  await page.getByRole('button', { name: 'Edit what models see of get-sum' }).click();
  const editor = page.getByRole('dialog', { name: 'What models see of get-sum' });
  await editor.getByLabel('Name', { exact: true }).fill('add nineteen');
  await editor.getByLabel('Description', { exact: true }).fill('Adds 19 to a number.');
  await editor.getByLabel('Title among the hints').fill('Adder');
  await editor.getByRole('button', { name: 'Describe a in other words' }).click();
  await editor.getByLabel('Description of a', { exact: true }).fill('What 19 is added to');
  await editor.getByLabel('b is', { exact: true }).selectOption('fixed');
  const save = editor.getByRole('button', { name: 'Save' });
  await expect(save).toBeDisabled();
  await editor.getByLabel('Value of b').fill('"many"');
  await expect(editor.getByText('must be of type number')).toBeVisible();
  await editor.getByLabel('Value of b').fill('19');
  const preview = editor.getByRole('region', { name: 'What models see' });
  await expect(preview.locator('ins').filter({ hasText: 'Adds 19 to a number.' })).toBeVisible();
  await expect(preview.getByRole('status')).toContainText(/≈ \d+ → \d+ tokens \(−\d+ %\)/);
  await isGood(page, 'overlay-editor');
  await save.click();
  await expect(editor.getByText(/use 1 to 128 letters/)).toBeVisible();
  await editor.getByLabel('Name', { exact: true }).fill('add_nineteen');
  await save.click();
  await expect(page.getByText('Models see add_nineteen like this now')).toBeVisible();
  const savedAtMs = Date.now();
  await expect.poll(() => told.length).toBeGreaterThan(0);
  const added = (await client.listTools()).tools.find(({ name }) => name === 'add_nineteen');
  expect(added).toMatchObject({
    annotations: { title: 'Adder' },
    inputSchema: { properties: { a: { description: 'What 19 is added to' } } },
  });
  expect(added?.inputSchema.properties).not.toHaveProperty('b');
  await visit(page, `${hub.url}/groups?new=true`);
  const dialog = page.getByRole('dialog', { name: 'New group' });
  await dialog.getByLabel('Name', { exact: true }).fill('harmless');
  await dialog.getByRole('checkbox', { name: /^demo/ }).check();
  await dialog.getByLabel('Tools of demo').selectOption({ label: 'All but some, also later ones' });
  await expect(dialog.getByText('Untick a tool of demo, or offer all of them.')).toBeVisible();
  await dialog.getByRole('checkbox', { name: 'add_nineteen in place of get-sum', exact: true }).uncheck();
  await dialog.getByRole('checkbox', { name: 'get-env', exact: true }).uncheck();
  await expect(dialog.getByText(/tools offered, and all later ones/)).toBeVisible();
  await isGood(page, 'group-exceptions');
  await dialog.getByRole('button', { name: 'Create the group' }).click();
  await expect(page.getByRole('heading', { name: 'harmless', level: 1 })).toBeVisible();
  await expect(page.getByRole('checkbox', { name: 'get-env', exact: true })).not.toBeChecked();
  const harmless = await connect('/api/mcp/harmless', hub.apiKey);
  const offered = (await harmless.listTools()).tools.map(({ name }) => name);
  expect(offered).toContain('demo__echo');
  expect(offered).toHaveLength((await names()).length - 2);
  await expect(harmless.callTool({ name: 'demo__get-env' })).rejects.toThrow('no tool');
  await harmless.close();
  await visit(page, `${hub.url}/servers/demo?tab=tools`);
  expect((told[0] ?? Infinity) - savedAtMs).toBeLessThan(1000);
  const edit = page.getByRole('button', { name: 'Edit what models see of get-sum' });
  const row = page.getByRole('listitem').filter({ has: edit, hasText: 'add_nineteen' });
  await expect(row).toContainText('curated');
  await expect(row).toContainText('Adds 19 to a number.');
  expect(JSON.stringify(await client.callTool({ name: 'add_nineteen', arguments: { a: 2, b: 5 } }))).toContain('21');
  await expect(client.callTool({ name: 'get-sum', arguments: { a: 2, b: 5 } })).rejects.toThrow('no tool');
  await visit(page, `${hub.url}/calls`);
  await expect(page.getByRole('row').filter({ hasText: 'get-sum as add_nineteen' })).toBeVisible();
  await visit(page, `${hub.url}/playground?server=demo&tool=get-sum`);
  await expect(page.getByLabel('Tool', { exact: true })).toHaveValue('add_nineteen');

  await visit(page, `${hub.url}/servers/demo?tab=tools`);
  await edit.click();
  await editor.getByRole('button', { name: 'Reset to the server’s' }).click();
  await expect(row).toHaveCount(0);
  await expect.poll(names).toContain('get-sum');
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(row).toBeVisible();
  await expect.poll(names).toContain('add_nineteen');
  await client.close();
});

test('in a group a tool is edited for that group alone', async () => {
  await visit(page, `${hub.url}/groups/small`);
  const edit = page.getByRole('button', { name: 'Edit what models see of echo' });
  const row = page.getByRole('listitem').filter({ has: edit });
  await edit.click();
  const editor = page.getByRole('dialog', { name: 'What models see of echo in small' });
  await editor.getByLabel('Name', { exact: true }).fill('repeat');
  await editor.getByRole('button', { name: 'Save' }).click();
  await expect(row).toContainText('repeat');
  await expect(row).toContainText('curated');
  for (const [path, name] of [
    ['/api/mcp/small', 'demo__repeat'],
    ['/api/mcp/demo', 'echo'],
  ] as const) {
    const client = await connect(path, hub.apiKey);
    await expect.poll(async () => (await client.listTools()).tools.map((tool) => tool.name)).toContain(name);
    await client.close();
  }
  // Under the pointer a message stays.
  await page.mouse.move(0, 0);
  await isGood(page, 'group-tools');
});

test('a form that nobody answers says so, keeps what was entered, and saves it when the hub is there again', async () => {
  await visit(page, `${hub.url}/groups?new=true`);
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name', { exact: true }).fill('patient');
  await page.context().setOffline(true);
  const save = dialog.getByRole('button', { name: 'Create the group' });
  await save.click();
  await expect(dialog.getByText('The hub does not answer.')).toBeVisible();
  await page.context().setOffline(false);
  await expect(dialog.getByLabel('Name', { exact: true })).toHaveValue('patient');
  await save.click();
  await expect(page).toHaveURL(/\/groups\/patient/);
});

test('the connect page turns green with the first request of a client', async () => {
  await visit(page, `${hub.url}/connect`);
  await expect(page.locator('#main').getByText('Waiting for the first request…')).toBeVisible();
  await expect(page.getByRole('button', { name: /^Live/ })).toBeVisible();
  await page.getByRole('button', { name: /^Make a key/ }).click();
  const client = await connect('/api/mcp', (await page.locator('[data-secret]').textContent()) ?? '');
  try {
    await expect(page.locator('[data-connected="yes"]')).toContainText('browser-test is connected at /api/mcp');
  } finally {
    await client.close();
  }
  await visit(page, hub.url);
  await expect(page.getByText('Point Claude Code')).toHaveCount(0);
});

test('a run that is cancelled was one call, and the log says that it was cancelled', async () => {
  await visit(page, `${hub.url}/playground?server=demo&tool=trigger-long-running-operation`);
  await page.getByLabel('duration').fill('60');
  await page.keyboard.press('Control+Enter');
  await expect(page.locator('[data-verdict="running"]').first()).toBeVisible();
  await page.getByRole('button', { name: 'Cancel', exact: true }).click();
  await expect(page.locator('[data-verdict="cancelled"]').first()).toBeVisible({ timeout: 2_000 });
  await expect(page.locator('[data-verdict="running"]')).toHaveCount(0);

  await visit(page, `${hub.url}/calls?tool=trigger-long-running-operation`);
  const calls = page.locator('[data-call]');
  await expect(calls).toHaveCount(1);
  await expect(calls.getByText('Cancelled').locator('visible=true')).toBeVisible();
  await calls.getByRole('button').focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog', { name: 'trigger-long-running-operation' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await expect(calls.getByRole('button')).toBeFocused();
});

test('a removal asks by name, gives the focus back when it is declined, and ends the server when not', async () => {
  await visit(page, `${hub.url}/servers`);
  const menu = page.getByRole('button', { name: 'More for broken' });
  const question = page.getByRole('alertdialog', { name: 'Remove server broken?' });
  await menu.focus();
  await page.keyboard.press('Enter');
  await page.getByRole('menuitem', { name: 'Remove…' }).click();
  await expect(question.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(question).toBeHidden();
  await expect(menu).toBeFocused();

  await menu.click();
  await page.getByRole('menuitem', { name: 'Remove…' }).click();
  await question.getByRole('button', { name: 'Remove' }).click();
  await expect(question).toBeHidden();
  await expect(row('broken')).toHaveCount(0);
  await page.reload();
  await expect(row('demo')).toBeVisible();
  await expect(row('broken')).toHaveCount(0);
});

test('the chosen theme outlives a reload', async () => {
  for (const [label, name] of [
    ['Dark', 'dark'],
    ['Light', 'light'],
  ] as const) {
    await page.getByRole('button', { name: 'Theme' }).click();
    await page.getByRole('menuitem', { name: label }).click();
    await expect(page.locator('html')).toHaveClass(new RegExp(`\\b${name}\\b`));
    await page.reload();
    await expect(page.locator('html')).toHaveClass(new RegExp(`\\b${name}\\b`));
  }
});

test('the hub has an icon', async () => {
  const href = await page.locator('link[rel="icon"]').first().getAttribute('href');
  const answer = await page.request.get(new URL(href ?? '/favicon.ico', hub.url).href);
  expect(answer.status()).toBe(200);
  expect(answer.headers()['content-type']).toContain('image/');
});

test('the playground takes at most 400 kB of script', async () => {
  const scripts: Promise<number>[] = [];
  const fresh = await page.context().newPage();
  fresh.on('response', (response) => {
    if (response.request().resourceType() !== 'script') return;
    scripts.push(response.body().then((body) => gzipSync(body).length));
  });
  await visit(fresh, `${hub.url}/playground?server=demo&tool=echo`);
  await expect(fresh.getByLabel('message')).toBeVisible();
  const bytes = (await Promise.all(scripts)).reduce((sum, each) => sum + each, 0);
  await fresh.close();
  expect(scripts.length).toBeGreaterThan(0);
  expect(Math.round(bytes / 1_000)).toBeLessThanOrEqual(400);
});

test('after signing out the pages and the REST interface are closed', async () => {
  await visit(page, hub.url);
  await page.getByRole('button', { name: 'Account of admin' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  expect((await page.request.get(`${hub.url}/api/v1/servers`)).status()).toBe(401);
  await visit(page, `${hub.url}/keys`);
  await expect(page).toHaveURL(/\/signin\?next=%2Fkeys$/);
});
