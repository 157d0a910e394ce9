// A server made of an OpenAPI document, in the browser from the paste to the call: what is chosen, what it costs, how it is
// changed, how its document is replaced, and where faults are said.
import { expect, type Page, test } from '@playwright/test';
import { type ApiServer, startApi } from '../support/api-server';
import { isAccessible } from '../support/good-page';
import { type Hub, startHub } from '../support/hub';
import { visit } from '../support/visit';

let hub: Hub;
let api: ApiServer;
let page: Page;

test.describe.configure({ mode: 'serial' });
test.use({ actionTimeout: 15_000 });

test.beforeAll(async ({ browser }) => {
  test.setTimeout(240_000);
  api = await startApi();
  hub = await startHub({ web: true });
  page = await (await browser.newContext()).newPage();
  await visit(page, `${hub.url}/signin?next=%2Fservers`);
  await page.getByLabel('Name').fill(hub.admin.username);
  await page.getByLabel('Password').fill(hub.admin.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { name: 'Servers', level: 1 })).toBeVisible();
});

test.afterAll(async () => {
  await page?.context().close();
  await hub?.stop();
  await api?.close();
});

const dialog = (name: string) => page.getByRole('dialog', { name });
const field = (name: string) => page.getByRole('textbox', { name });
const petId = { name: 'petId', in: 'path', required: true, schema: { type: 'string' } };
const operation = (operationId: string, summary: string, tag: string, more: object = {}) => ({
  operationId,
  summary,
  tags: [tag],
  ...more,
  responses: { 200: { description: 'ok' } },
});

function petstore(paths: object = {}) {
  return {
    openapi: '3.1.0',
    info: { title: 'Petstore', version: '1.2' },
    servers: [{ url: api.url }],
    components: { securitySchemes: { api_key: { type: 'apiKey', in: 'header', name: 'X-Api-Key' } } },
    security: [{ api_key: [] }],
    paths: {
      '/pets': { get: operation('listPets', 'All pets', 'pets') },
      '/pets/{petId}': {
        get: operation('getPet', 'One pet', 'pets', { parameters: [petId] }),
        delete: operation('deletePet', 'Gives a pet away', 'pets', { parameters: [petId] }),
      },
      '/stores': { get: operation('listStores', 'All stores', 'stores') },
      ...paths,
    },
  };
}

/** Too much for a model to read. */
function large() {
  const paths = Array.from({ length: 300 }, (_, at) => [
    `/things/${at}`,
    { get: operation(`thing${at}`, 'A thing that takes many words to say. '.repeat(12), at < 3 ? 'few' : 'many') },
  ]);
  return { ...petstore(), info: { title: 'Large', version: '1' }, paths: Object.fromEntries(paths) };
}

/** The tool as the playground runs it, and the request that the API got. */
async function call(tool: string, id?: string) {
  const before = api.seen.length;
  await visit(page, `${hub.url}/playground?server=pets&tool=${tool}`);
  if (id) await page.getByLabel('petId').fill(id);
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect.poll(() => api.seen.length, { timeout: 20_000 }).toBe(before + 1);
  await expect(page.locator('[data-verdict="ok"]').first()).toBeVisible();
  return api.last();
}

async function openConfig(): Promise<void> {
  await visit(page, `${hub.url}/servers/pets?tab=config`);
  await expect(page.getByRole('button', { name: 'Save', exact: true })).toBeVisible();
}

async function save(): Promise<void> {
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Saved pets').last()).toBeVisible();
}

test('a document that cannot be used is refused at the field that it was given in', async () => {
  await visit(page, `${hub.url}/servers?add=true`);
  await dialog('Add a server').getByRole('tab', { name: 'OpenAPI' }).click();
  const text = field('Or the document itself');
  await text.fill('openapi: 3.1.0\ninfo: [');
  await page.getByRole('button', { name: 'Read document' }).click();
  await expect(text).toHaveAttribute('aria-invalid', 'true');
  await page.getByRole('button', { name: 'Clear the text' }).click();
  const address = field('Address of the document');
  await address.fill('http://127.0.0.1:9/nothing.json');
  await page.getByRole('button', { name: 'Read document' }).click();
  await expect(address).toHaveAttribute('aria-invalid', 'true');
  await expect(text).not.toHaveAttribute('aria-invalid', 'true');
  await address.fill('');
});

test('the choice says what it costs, warns of too much, and is made by search and tag', async () => {
  await field('Or the document itself').fill(JSON.stringify(large()));
  await page.getByRole('button', { name: 'Read document' }).click();
  await expect(page.getByText('300 of 300 chosen')).toBeVisible();
  const warning = page.getByText(/^300 operations, about [\d,]+ tokens\.$/);
  await expect(warning).toBeVisible();
  await page.getByRole('button', { name: 'Drop 300' }).click();
  await expect(page.getByRole('button', { name: 'Add server', exact: true }).last()).toBeDisabled();
  await page.getByLabel('Tag').selectOption('few');
  await page.getByRole('button', { name: 'Choose 3' }).click();
  await expect(page.getByText('3 of 300 chosen')).toBeVisible();
  await expect(warning).toHaveCount(0);
  await page.getByRole('button', { name: 'Another document' }).click();
});

test('a pasted document becomes a server with credentials and headers, and faults are shown at their fields', async () => {
  await field('Or the document itself').fill(JSON.stringify(petstore()));
  await page.getByRole('button', { name: 'Read document' }).click();
  await expect(page.getByText('4 of 4 chosen')).toBeVisible();
  await page.getByLabel('Search operations').fill('store');
  await page.getByRole('button', { name: 'Drop 1' }).click();
  await page.getByLabel('Search operations').fill('');
  await expect(page.getByText('3 of 4 chosen')).toBeVisible();
  await page.getByLabel(/^Key/).fill('key-of-the-pets');
  await page.getByRole('button', { name: 'Add a header' }).click();
  await page.getByRole('textbox', { name: 'Name of row 1' }).fill('X-Tenant');
  await page.getByRole('textbox', { name: 'Value of row 1' }).fill('tenant-of-tests');
  await field('Name').first().fill('not a name');
  const submit = page.getByRole('button', { name: 'Add server', exact: true }).last();
  await submit.click();
  await expect(field('Name').first()).toHaveAttribute('aria-invalid', 'true');
  await field('Name').first().fill('pets');
  await field('Base URL').fill('http://169.254.169.254/');
  await submit.click();
  await expect(field('Base URL')).toHaveAttribute('aria-invalid', 'true');
  await expect(field('Base URL')).toBeFocused();
  await isAccessible(page, 'openapi 1');
  await field('Base URL').fill(api.url);
  await submit.click();
  await expect(dialog('Add a server')).toBeHidden();
  await expect(page.locator('#main tr[data-server="pets"] [data-state="ready"]:visible')).toBeVisible({
    timeout: 30_000,
  });
});

test('its tools call the API, with the credentials and headers that were given', async () => {
  const seen = await call('getPet', 'rex');
  expect(seen).toMatchObject({ method: 'GET', url: '/pets/rex' });
  expect(seen.headers).toMatchObject({ 'x-api-key': 'key-of-the-pets', 'x-tenant': 'tenant-of-tests' });
});

test('every setting is changed where it is shown, and a masked value that is left alone stays', async () => {
  await openConfig();
  await expect(page.getByText('3 of 4 chosen')).toBeVisible();
  await expect(page.getByRole('textbox', { name: 'Value of row 1' }).first()).toHaveValue('***ests');
  await page.getByRole('button', { name: 'Add a header' }).click();
  await page.getByRole('textbox', { name: 'Name of row 2' }).first().fill('X-Trace');
  await page.getByRole('textbox', { name: 'Value of row 2' }).first().fill('Bearer ${API_KEY_VALUE}');
  await field('Description').fill('Cats and dogs');
  await field('Time-out of a call, in seconds').fill('7.5');
  await page.locator('summary', { hasText: 'Limits' }).click();
  await field('Calls at once').fill('none');
  await page.locator('summary', { hasText: 'Certificates' }).click();
  await field('Name in its certificate').fill('api.example.com');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(field('Calls at once')).toHaveAttribute('aria-invalid', 'true');
  await field('Calls at once').fill('5');
  await save();
  await page.reload();
  await expect(field('Description')).toHaveValue('Cats and dogs');
  await expect(field('Time-out of a call, in seconds')).toHaveValue('7.5');
  await expect(field('Calls at once')).toHaveValue('5');
  await expect(field('Name in its certificate')).toHaveValue('api.example.com');
  await expect(page.getByRole('textbox', { name: 'Value of row 2' }).first()).toHaveValue('Bearer ${API_KEY_VALUE}');
  await field('Name in its certificate').fill('');
  await field('Time-out of a call, in seconds').fill('');
  await save();
  await isAccessible(page, 'openapi 2');
  const seen = await call('listPets');
  expect(seen.headers).toMatchObject({ 'x-tenant': 'tenant-of-tests', 'x-trace': 'Bearer key-of-the-pets' });
});

test('another document shows what it changes before it is saved, keeps the choice, and takes over when it is', async () => {
  const replaced = petstore({
    '/stores': { get: operation('listStores', 'All stores, near and far', 'stores') },
    '/visits': { get: operation('listVisits', 'Who came by', 'pets') },
  }) as { paths: Record<string, Record<string, unknown>> };
  delete replaced.paths['/pets/{petId}']?.delete;
  api.on('/pets.json', (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(replaced));
  });
  await openConfig();
  await field('Description').fill('Not saved yet');
  await page.getByRole('button', { name: 'Replace document…' }).click();
  await field('Address of the document').fill(`${api.url}/pets.json`);
  await page.getByRole('button', { name: 'Read document' }).click();
  const change = dialog('Replace the document').getByText(
    '1 operation added, 1 operation removed, 1 operation changed.',
  );
  await expect(change).toBeVisible();
  await expect(dialog('Replace the document').getByText('+ GET /visits')).toBeVisible();
  await isAccessible(page, 'openapi 3');
  await page.getByRole('button', { name: 'Use this document' }).click();
  await expect(page.getByText(`To be replaced by ${api.url}/pets.json`)).toBeVisible();
  await expect(field('Description')).toHaveValue('Not saved yet');
  await expect(page.getByText('2 of 4 chosen')).toBeVisible();
  await page.getByRole('button', { name: 'Keep the stored one' }).click();
  await expect(page.getByText('3 of 4 chosen')).toBeVisible();

  await page.getByRole('button', { name: 'Replace document…' }).click();
  await field('Address of the document').fill(`${api.url}/pets.json`);
  await page.getByRole('button', { name: 'Read document' }).click();
  await page.getByRole('button', { name: 'Use this document' }).click();
  await page.getByRole('checkbox', { name: /visits/ }).check();
  await save();
  await expect(page.getByRole('button', { name: 'Refresh document' })).toBeVisible();
  await expect(page.getByText('3 of 4 chosen')).toBeVisible();
  expect(await call('listVisits')).toMatchObject({ method: 'GET', url: '/visits' });
});

test('on a phone the tab that is open is in sight, and nothing is wider than the screen', async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  await openConfig();
  await expect(page.getByRole('tab', { name: 'Config' })).toBeInViewport({ ratio: 0.9 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  await page.setViewportSize({ width: 1280, height: 800 });
});

test('the address that a server has is fetched again and not given again, and a text takes its place', async () => {
  await openConfig();
  await page.getByRole('button', { name: 'Replace document…' }).click();
  await field('Address of the document').fill(`${api.url}/pets.json`);
  await page.getByRole('button', { name: 'Read document' }).click();
  await expect(field('Address of the document')).toHaveAttribute('aria-invalid', 'true');
  await dialog('Replace the document')
    .getByLabel('File with the document')
    .setInputFiles({
      name: 'pets.json',
      mimeType: 'application/json',
      buffer: Buffer.from(JSON.stringify(petstore())),
    });
  await page.getByRole('button', { name: 'Read document' }).click();
  await page.getByRole('button', { name: 'Use this document' }).click();
  await save();
  await expect(page.getByText('The document was given as a text.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Refresh document' })).toHaveCount(0);
});
