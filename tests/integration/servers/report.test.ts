// The report on a server as one verb makes it, on a real database.
import { eq } from 'drizzle-orm';
import { expect, it } from 'vitest';
import { groupMembers, servers } from '../../../drizzle/schema';
import type { ServerLife } from '../../../lib/diagnosis/schema';
import { createGroup, createServer, deleteServer, getServerReport, loadLives, storeLife } from '../../../lib/servers';
import { type Listing, storeCatalog } from '../../../lib/servers/catalog';
import { addTo, emptyLife } from '../../../worker/reports/life';
import { eachDatabase } from '../../support/database';
import { bench, codeOf } from './support';

const at = '2026-01-01T00:00:00.000Z';

const listing = (changes: Partial<Listing> = {}): Listing => ({
  protocolVersion: '2025-11-25',
  serverInfo: { name: 'fixture', version: '2', title: 'Fixture' },
  capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, logging: {}, tasks: {} },
  instructions: 'Be kind.',
  tools: [
    { name: 'look', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true, idempotentHint: true } },
    { name: 'wipe', inputSchema: { type: 'odd' }, annotations: { destructiveHint: true, title: 'Wipe' } },
    {
      name: 'plain',
      inputSchema: { $schema: 'http://json-schema.org/draft-07/schema#', type: 'object' },
      outputSchema: { $ref: '#/gone' },
      annotations: { title: 'Only a title' },
    },
  ],
  resources: [{ uri: 'x://a', name: 'a' }],
  resourceTemplates: [],
  prompts: [],
  faults: [
    { kind: 'tool', name: 'huge', reason: 'Its schemas are larger than 256 KiB.' },
    { kind: 'resource', name: '', reason: 'The answer to resources/list holds no array "resources".' },
  ],
  ...changes,
});

function life(): ServerLife {
  const made = emptyLife(at);
  for (const [initializeMs, listedMs] of [
    [300, 400],
    [100, 150],
    [200, 290],
  ] as const) {
    addTo(made, { kind: 'started', spawnMs: 5, firstByteMs: null, initializeMs }, 0, at);
    addTo(made, { kind: 'listed', ms: listedMs }, 0, at);
  }
  addTo(made, { kind: 'ended', reason: 'exited', upMs: 1000 }, 0, at);
  addTo(made, { kind: 'moved', state: 'retrying', reason: 'exited', message: 'a\0b \ud800' }, 0, at);
  return made;
}

const noLife = async () => null;

eachDatabase('the report on a server', (kind) => {
  const { use, ctx, actor } = bench(kind);

  async function known(name: string, listed = listing()) {
    const admin = ctx(await actor('admin'));
    const { id } = await createServer(admin, { name, type: 'stdio', command: 'node' });
    await storeCatalog(use().db, id, listed);
    return { admin, id };
  }

  it('tells what the server said of itself, what its tools claim, and which schemas cannot be used', async () => {
    const { admin } = await known('said');
    const report = await getServerReport(admin, 'said', noLife);
    expect(report).toMatchObject({
      server: 'said',
      type: 'stdio',
      handshake: {
        era: 'legacy',
        protocolVersion: '2025-11-25',
        name: 'fixture',
        title: 'Fixture',
        instructions: 'Be kind.',
        offers: {
          tools: true,
          'tools.listChanged': true,
          resources: true,
          'resources.subscribe': true,
          'resources.listChanged': false,
          prompts: false,
          completions: false,
          logging: true,
          tasks: true,
        },
      },
      counts: { tools: 3, resources: 1, resourceTemplates: 0, prompts: 0 },
      annotations: { readOnly: 1, destructive: 1, idempotent: 1, openWorld: 0, none: 1 },
      life: null,
      isLive: false,
    });
    expect(report.tools.map(({ name, input, output }) => [name, input.fault, output?.fault ?? null])).toEqual([
      ['look', null, null],
      ['wipe', '/type names "odd", which is no type.', null],
      ['plain', null, '/$ref leads nowhere: "#/gone".'],
    ]);
    expect(report.tools[2]?.input.dialect).toContain('draft-07');
    expect(report.hidden.map(({ kind: what, name }) => [what, name])).toEqual([
      ['tool', 'huge'],
      ['resource', ''],
    ]);
  });

  it('a server of 2026-07-28 is told as one, with its extensions', async () => {
    const capabilities = { tools: {}, extensions: { 'io.modelcontextprotocol/tasks': {}, 'com.example/x': {} } };
    const { admin } = await known('modern', listing({ protocolVersion: '2026-07-28', capabilities }));
    const { handshake } = await getServerReport(admin, 'modern', noLife);
    expect(handshake).toMatchObject({
      era: 'modern',
      offers: { tasks: true, logging: false },
      extensions: ['io.modelcontextprotocol/tasks', 'com.example/x'],
    });
  });

  it('what was noticed is stored, comes back with its figures, and the worker knows better', async () => {
    const { admin, id } = await known('noticed');
    await storeLife(use().db, id, life());
    await storeLife(use().db, id, life());
    expect((await loadLives(use().db)).get(id)?.starts).toHaveLength(3);
    const stored = await getServerReport(admin, 'noticed', noLife);
    expect(stored).toMatchObject({
      isLive: false,
      life: {
        medianStart: { of: 3, spawnMs: 5, firstByteMs: null, initializeMs: 200, listedMs: 290 },
        meanUpMs: 1000,
        cancels: 'not-seen',
        events: [{ message: 'a\ufffdb \ufffd' }],
      },
    });
    const now = life();
    addTo(now, { kind: 'cancelled' }, 0, at);
    expect(await getServerReport(admin, 'noticed', async () => now)).toMatchObject({
      isLive: true,
      life: { cancels: 'stopped' },
    });
    addTo(now, { kind: 'answered-cancelled' }, 0, at);
    expect((await getServerReport(admin, 'noticed', async () => now)).life?.cancels).toBe('ignored');
  });

  it('is lost with its server, and a late write brings nothing back', async () => {
    const { admin, id } = await known('gone');
    await storeLife(use().db, id, life());
    await deleteServer(admin, 'gone');
    await storeLife(use().db, id, life());
    expect((await loadLives(use().db)).has(id)).toBe(false);
    expect(await codeOf(getServerReport(admin, 'gone', noLife))).toBe('NOT_FOUND');
  });

  it('a row of another version counts as none', async () => {
    const { admin, id } = await known('old');
    await use().db.execute(`insert into server_reports (server_id, report) values ('${id}', '{"future": true}')`);
    expect((await getServerReport(admin, 'old', noLife)).life).toBeNull();
    await storeLife(use().db, id, life());
    expect((await getServerReport(admin, 'old', noLife)).life).not.toBeNull();
  });

  it('shows a user only the tools of the own groups, and nothing of other servers', async () => {
    const { admin } = await known('shared');
    const tools = ['look'];
    const group = await createGroup(admin, { name: 'readers', servers: [{ server: 'shared', tools }] });
    const user = await actor('user', [group.id]);
    await use()
      .db.insert(groupMembers)
      .values({ groupId: group.id, userId: user.userId as string });
    const report = await getServerReport(ctx(user), 'shared', noLife);
    expect(report.tools.map(({ name }) => name)).toEqual(['look']);
    expect(report.counts.tools).toBe(1);
    expect(report.annotations).toMatchObject({ readOnly: 1, destructive: 0 });
    expect(JSON.stringify(report)).not.toMatch(/wipe|plain|huge/);
    await known('foreign');
    expect(await codeOf(getServerReport(ctx(user), 'foreign', noLife))).toBe('NOT_FOUND');
    const rows = await use().db.select().from(servers).where(eq(servers.name, 'foreign'));
    expect(rows).toHaveLength(1);
  });
});
