// Servers made of OpenAPI documents: what is stored, shown, changed and refused, and what the supervisor gets of it.
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { auditLogs, openapiDocuments } from '../../../drizzle/schema';
import type { Actor } from '../../../lib/access/schema';
import type { HubError } from '../../../lib/errors';
import type { OpenApiInput } from '../../../lib/openapi/schema';
import {
  createServer,
  type DesiredServer,
  documentStore,
  getServer,
  getServerDocument,
  importConfigFile,
  listDesired,
  previewDocument,
  type ReadDocument,
  refreshServerDocument,
  updateServer,
} from '../../../lib/servers';
import type { ServerInput } from '../../../lib/servers/schema';
import { createEgress, readDocument } from '../../../worker/upstream';
import { type ApiServer, startApi } from '../../support/api-server';
import { eachDatabase } from '../../support/database';
import { supervise, until } from '../../support/upstreams';
import { bench, codeOf } from './support';

const read: ReadDocument = (source, settings) =>
  readDocument(source, settings, { egress: createEgress('private-allowed'), userAgent: 'mcphub/test' });

async function faultsOf(promise: Promise<unknown>) {
  const error = (await promise.then(
    () => ({}),
    (caught: unknown) => caught,
  )) as Partial<HubError>;
  return error.extras?.faults?.map(({ pointer, detail }) => `${pointer}: ${detail}`);
}

eachDatabase('servers made of OpenAPI documents', (kind) => {
  const { use, ctx, actor, opener, parts } = bench(kind);
  let admin: Actor;
  let user: Actor;
  let api: ApiServer;
  let paths: Record<string, object>;

  beforeAll(async () => {
    [admin, user] = await Promise.all([actor('admin'), actor('user')]);
    api = await startApi();
    paths = {
      '/pets': { get: { operationId: 'listPets', tags: ['pets'], security: [{ key: [] }] } },
      '/stores': { get: { operationId: 'listStores', tags: ['stores'] } },
    };
    api.on('/openapi.json', (_request, response) => void response.writeHead(200).end(text()));
  });
  afterAll(() => api.close());

  const text = () =>
    JSON.stringify({
      openapi: '3.0.3',
      info: { title: 'Pets', version: '1' },
      servers: [{ url: '/v1' }],
      paths,
      components: {
        securitySchemes: {
          key: { type: 'apiKey', in: 'header', name: 'X-Key' },
          oauth: { type: 'oauth2', flows: { clientCredentials: { tokenUrl: '/token', scopes: {} } } },
        },
      },
    });
  const input = (name: string, openapi: OpenApiInput, more: object = {}) =>
    ({ name, type: 'openapi', openapi, ...more }) as ServerInput;
  const url = () => `${api.url}/openapi.json`;
  const desiredOf = async (name: string) =>
    (await listDesired(use().db, {}, opener)).find((each) => each.name === name) as DesiredServer;
  const documents = () => use().db.select().from(openapiDocuments);

  it('are read when they are saved, and keep document, addresses and settings', async () => {
    const auth = { oauth: { clientId: 'me', clientSecret: 'a secret of some length' } };
    const made = await createServer(ctx(admin), input('pets', { documentUrl: url(), auth }), read);
    expect(made).toMatchObject({
      type: 'openapi',
      openapi: {
        documentUrl: url(),
        baseUrl: `${api.url}/v1`,
        auth: { oauth: { clientId: 'me', clientSecret: '***ngth', tokenUrl: `${api.url}/token` } },
        document: { bytes: text().length },
      },
    });
    const [stored] = await documents();
    expect(stored?.document).toBe(text());
    expect((await desiredOf('pets')).openapi?.auth?.oauth?.clientSecret).toBe('a secret of some length');
    expect((await desiredOf('pets')).secretValues).toContain('a secret of some length');
    const audit = JSON.stringify(await use().db.select().from(auditLogs).where(eq(auditLogs.resourceName, 'pets')));
    expect(audit).not.toContain('a secret of some length');
    expect(audit).not.toContain('openapi\\":\\"3.0.3');
  });

  it('are refused with the field that is wrong, and nothing is saved', async () => {
    const before = (await documents()).length;
    const cases: [OpenApiInput, string][] = [
      [{}, '/openapi: give the'],
      [{ document: 'hello' }, '/openapi/document: This is not'],
      [{ document: '{"swagger":"2.0","paths":{}}' }, 'swagger2openapi'],
      [{ documentUrl: `${api.url}/busy` }, '/openapi/documentUrl: '],
      [{ documentUrl: 'http://127.0.0.1:1/x' }, '/openapi/documentUrl: Nothing listens'],
      [{ documentUrl: 'http://169.254.169.254/x' }, '/openapi/documentUrl: address not allowed'],
      [{ document: text(), baseUrl: 'http://169.254.169.254/x' }, '/openapi/baseUrl: address not allowed'],
      [{ document: text() }, '/openapi/baseUrl: the document names no address'],
      [{ documentUrl: url(), include: { tags: ['none'] } }, '/openapi/include: chooses none of the 2'],
      [{ documentUrl: url(), auth: { other: { value: 'x' } } }, '/openapi/auth/other: is no security scheme'],
      [{ documentUrl: url(), auth: { key: { value: '***abcd' } } }, '/openapi/auth/key/value: is a masked value'],
      [
        { documentUrl: url(), auth: { key: { value: '${KEY}' } } },
        '/openapi/auth/key/value: refers to the secret "KEY"',
      ],
      [
        { documentUrl: url(), auth: { key: { value: 'a\r\nb' } } },
        '/openapi/auth/key/value: must not contain line breaks',
      ],
    ];
    for (const [openapi, fault] of cases) {
      expect((await faultsOf(createServer(ctx(admin), input('bad', openapi), read)))?.join()).toContain(fault);
    }
    expect(await codeOf(getServer(ctx(admin), 'bad'))).toBe('NOT_FOUND');
    expect((await documents()).length).toBe(before);
    const previewing = previewDocument(ctx(user), { documentUrl: url() }, read);
    expect(await codeOf(previewing)).toBe('FORBIDDEN');
  });

  it('are changed field by field; masked credentials stay, and secrets are filled in', async () => {
    const ready = input(
      'patched',
      { document: text(), baseUrl: api.url, auth: { key: { value: '${KEY}' } } },
      { secrets: { KEY: 'planted value' } },
    );
    await createServer(ctx(admin), ready, read);
    expect((await getServer(ctx(admin), 'patched')).openapi?.auth).toEqual({ key: { value: '${KEY}' } });
    const first = await desiredOf('patched');
    expect(first.openapi?.auth).toEqual({ key: { value: 'planted value' } });
    await updateServer(
      ctx(admin),
      'patched',
      { openapi: { auth: { key: { value: 'literal planted value' } } } },
      {},
      read,
    );
    const shown = (await getServer(ctx(admin), 'patched')).openapi;
    expect(shown?.auth).toEqual({ key: { value: '***alue' } });
    const patch = { openapi: { auth: shown?.auth, include: { tags: ['pets'] }, baseUrl: `${api.url}/v2` } };
    await updateServer(ctx(admin), 'patched', patch, {}, read);
    const now = await desiredOf('patched');
    expect(now.openapi).toMatchObject({
      auth: { key: { value: 'literal planted value' } },
      include: { tags: ['pets'] },
      baseUrl: `${api.url}/v2`,
    });
    expect(now.hash).not.toBe(first.hash);
    await updateServer(ctx(admin), 'patched', { openapi: { include: null, auth: null } }, {}, read);
    expect((await desiredOf('patched')).openapi).toEqual({ baseUrl: `${api.url}/v2`, auth: {} });
    await updateServer(ctx(admin), 'patched', { type: 'streamable-http', url: api.url }, {}, read);
    expect(await getServer(ctx(admin), 'patched')).toMatchObject({ type: 'streamable-http', openapi: null });
  });

  it('tell how their tools differ when the document is fetched again, and a bad one changes nothing', async () => {
    await createServer(ctx(admin), input('fresh', { documentUrl: url(), exclude: { tags: ['stores'] } }), read);
    const before = await desiredOf('fresh');
    expect(await refreshServerDocument(ctx(admin), 'fresh', read)).toEqual({
      changed: false,
      added: [],
      removed: [],
      altered: [],
    });
    paths = {
      '/pets': {
        get: { operationId: 'listPets', summary: 'All pets', tags: ['pets'] },
        post: { operationId: 'addPet' },
      },
      '/shops': { get: { operationId: 'listShops', tags: ['stores'] } },
    };
    expect(await refreshServerDocument(ctx(admin), 'fresh', read)).toEqual({
      changed: true,
      added: ['addPet'],
      removed: [],
      altered: ['listPets'],
    });
    expect((await desiredOf('fresh')).hash).not.toBe(before.hash);
    const reading = await getServerDocument(ctx(admin), 'fresh', read);
    expect(reading.operations.filter(({ chosen }) => chosen).map(({ tool }) => tool)).toEqual(['listPets', 'addPet']);
    expect(reading.document).toBeUndefined();
    api.on('/openapi.json', (_request, response) => void response.writeHead(500).end());
    expect(await codeOf(refreshServerDocument(ctx(admin), 'fresh', read))).toBe('INVALID_INPUT');
    expect((await getServerDocument(ctx(admin), 'fresh', read)).operations.length).toBe(3);
    api.on('/openapi.json', (_request, response) => void response.writeHead(200).end(text()));
    expect(await codeOf(refreshServerDocument(ctx(user), 'fresh', read))).toBe('NOT_FOUND');
  });

  it('come by the servers file too, fetch their document at the first start, and run', async () => {
    const file = {
      mcpServers: { filed: { type: 'openapi', url: url(), openapi: { include: { operations: ['listPets'] } } } },
    };
    const { faults, created } = await importConfigFile(parts(), 'mcp.json', JSON.stringify(file));
    expect([faults, created]).toEqual([[], ['filed']]);
    const row = await desiredOf('filed');
    expect(row).toMatchObject({ type: 'openapi', openapi: { documentUrl: url() } });
    const { supervisor, state } = supervise([row], { documentsOf: (id) => documentStore(use().db, id) });
    try {
      await supervisor.start();
      await until('the server to be ready', () => state(row) === 'ready');
      const { answer } = supervisor.upstreamOf(row.id).call('tools/call', { name: 'listPets' }, { timeoutMs: 5_000 });
      expect((await answer).value).toMatchObject({ structuredContent: { url: '/v1/pets' } });
    } finally {
      await supervisor.stop();
    }
    expect(await documentStore(use().db, row.id).load()).toBe(text());
  });
});
