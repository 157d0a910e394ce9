// The verbs of overlays on a real database: who may set them, what is refused, and what of them survives its tool.
import { and, desc, eq, sql } from 'drizzle-orm';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { auditLogs, servers } from '../../../drizzle/schema';
import type { Actor } from '../../../lib/access/schema';
import {
  createGroup,
  createServer,
  getToolOverlay,
  listGroupTools,
  listTools,
  removeToolOverlay,
  setToolOverlay,
  updateServer,
} from '../../../lib/servers';
import { loadEndpoints, storeCatalog } from '../../../lib/servers/catalog';
import type { ToolOverlay } from '../../../lib/servers/curation/schema';
import { eachDatabase } from '../../support/database';
import { until } from '../../support/until';
import { bench, codeOf } from './support';

const copy = {
  name: 'copy',
  description: 'Copies a file',
  annotations: { readOnlyHint: false },
  inputSchema: {
    type: 'object',
    properties: { from: { type: 'string' }, to: { type: 'string' }, depth: { type: 'integer' } },
    required: ['from', 'to'],
  },
};
const move = { name: 'move', description: 'Moves a file', inputSchema: { type: 'object' } };

eachDatabase('overlays of tools', (kind) => {
  const { use, ctx, take, actor } = bench(kind);
  const lastAudit = async () => (await use().db.select().from(auditLogs).orderBy(desc(auditLogs.id)).limit(1))[0];
  let admin: Actor;
  let manager: Actor;
  let user: Actor;
  let serverId: string;
  let round = 0;
  let disk = '';
  let team = '';
  const list = (tools: object[]) =>
    storeCatalog(use().db, serverId, {
      protocolVersion: '2025-11-25',
      serverInfo: { name: 'x' },
      capabilities: {},
      instructions: null,
      tools: tools as { name: string }[],
      resources: [],
      resourceTemplates: [],
      prompts: [],
      faults: [],
    });
  const ref = (tool: string) => ({ server: disk, tool });
  const inTeam = (tool: string) => ({ server: disk, group: team, tool });
  const overlaysOf = async () => (await loadEndpoints(use().db)).servers.find(({ id }) => id === serverId)?.overlays;

  beforeAll(async () => {
    [admin, manager, user] = await Promise.all([actor('admin'), actor('manager'), actor('user')]);
  });
  beforeEach(async () => {
    round += 1;
    disk = `disk-${round}`;
    team = `team-${round}`;
    serverId = (await createServer(ctx(admin), { name: disk, type: 'stdio', command: 'node' })).id;
    await list([copy, move]);
    const { id } = await createGroup(ctx(admin), { name: team, servers: [{ server: disk, tools: 'all' }] });
    user = { ...user, groupIds: [id] };
    take();
  });

  it('is set, shown, told and recorded, and taken back', async () => {
    const before = await getToolOverlay(ctx(admin), ref('copy'));
    expect(before).toMatchObject({ overlay: {}, version: 0, faults: [], shown: before.upstream });
    const overlay = { name: 'clone', parameters: { to: { mode: 'fixed' as const, value: '/backup' } } };
    const set = await setToolOverlay(ctx(admin), ref('copy'), { ...overlay, annotations: {} }, { ifVersion: 0 });
    expect(set).toMatchObject({
      server: disk,
      group: null,
      tool: 'copy',
      overlay,
      version: 1,
      upstream: { name: 'copy' },
      shown: { name: 'clone', inputSchema: { required: ['from'] } },
    });
    expect(set.tokens?.shown).toBeLessThan(set.tokens?.upstream ?? 0);
    expect(take()).toEqual([{ name: 'tools.curated', payload: { id: serverId, name: disk } }]);
    expect(await lastAudit()).toMatchObject({
      action: 'tool.curated',
      resourceType: 'tool',
      resourceName: `${disk}/copy`,
      before: {},
      after: overlay,
    });
    expect(await overlaysOf()).toEqual({ copy: overlay });
    const [tool, other] = await listTools(ctx(admin), { server: disk });
    expect(tool).toMatchObject({
      name: 'copy',
      exposedName: `${disk}__clone`,
      curated: { name: 'clone' },
      enabled: true,
    });
    expect(other).toMatchObject({ name: 'move', curated: null });

    await removeToolOverlay(ctx(admin), ref('copy'), { ifVersion: 1 });
    expect(await lastAudit()).toMatchObject({ action: 'tool.restored', before: overlay, after: {} });
    expect(await overlaysOf()).toEqual({});
    await removeToolOverlay(ctx(admin), ref('copy'), { ifVersion: 2 });
    expect(await getToolOverlay(ctx(admin), ref('copy'))).toMatchObject({ overlay: {}, version: 2 });
  });

  it('who read another version is refused, also after it was taken back; of two at once one is', async () => {
    await setToolOverlay(ctx(admin), ref('copy'), { title: 'A' }, { ifVersion: 0 });
    await removeToolOverlay(ctx(admin), ref('copy'));
    await setToolOverlay(ctx(admin), ref('copy'), { title: 'B' });
    const stale = setToolOverlay(ctx(admin), ref('copy'), { title: 'C' }, { ifVersion: 1 });
    await expect(stale).rejects.toMatchObject({ code: 'STALE_VERSION', message: expect.stringContaining(admin.name) });
    expect(await codeOf(setToolOverlay(ctx(admin), ref('copy'), { title: 'C' }, { ifVersion: 0 }))).toBe(
      'STALE_VERSION',
    );
    expect(await codeOf(removeToolOverlay(ctx(admin), ref('copy'), { ifVersion: 2 }))).toBe('STALE_VERSION');
    const both = await Promise.all(
      ['D', 'E'].map((title) => codeOf(setToolOverlay(ctx(admin), ref('copy'), { title }, { ifVersion: 3 }))),
    );
    expect(both.filter((code) => code === 'STALE_VERSION')).toHaveLength(1);
    const first = await Promise.all(
      ['D', 'E'].map((title) => codeOf(setToolOverlay(ctx(admin), ref('move'), { title }, { ifVersion: 0 }))),
    );
    expect(first.filter((code) => code === 'STALE_VERSION')).toHaveLength(1);
  });

  it('a parameter is described in other words, which count for the tokens, and a group may say others', async () => {
    const before = await getToolOverlay(ctx(admin), ref('copy'));
    const parameters = { to: { mode: 'shown' as const, description: 'Where the copy goes, a path below the root' } };
    const set = await setToolOverlay(ctx(admin), ref('copy'), { parameters });
    const { type, required, properties } = copy.inputSchema;
    const described = { ...properties, to: { type: 'string', description: parameters.to.description } };
    expect(set.shown?.inputSchema).toEqual({ type, required, properties: described });
    expect(set.tokens?.shown).toBeGreaterThan(before.tokens?.shown ?? 0);
    expect((await listTools(ctx(admin), { server: disk }))[0]).toMatchObject({
      curated: { inputSchema: { required } },
    });
    const inGroup = { to: { mode: 'default' as const, value: '/b', description: 'Target' } };
    const over = await setToolOverlay(ctx(manager), inTeam('copy'), { parameters: inGroup });
    expect(over.shown?.inputSchema).toMatchObject({
      required: ['from'],
      properties: { to: { type: 'string', description: 'Target', default: '/b' } },
    });
    const wrong = async (parameter: object) =>
      codeOf(setToolOverlay(ctx(admin), ref('copy'), { parameters: { to: parameter } } as ToolOverlay));
    expect(await wrong({ mode: 'shown' })).toBe('INVALID_INPUT');
    expect(await wrong({ mode: 'shown', description: ' ' })).toBe('INVALID_INPUT');
    expect(await wrong({ mode: 'shown', description: 'a\u200bb' })).toBe('INVALID_INPUT');
    expect(await wrong({ mode: 'hidden', description: 'a' })).toBe('INVALID_INPUT');
    const gone = { parameters: { none: { mode: 'shown' as const, description: 'a' } } };
    expect(await codeOf(setToolOverlay(ctx(admin), ref('copy'), gone))).toBe('INVALID_INPUT');
  });

  // The embedded one does a transaction at a time: nobody waits there.
  if (kind === 'postgres') {
    it('edits at the same moment wait for each other, and none is lost', async () => {
      await setToolOverlay(ctx(admin), ref('copy'), { title: 'First' });
      const { db } = await use().another();
      const waiting = async () => {
        const [row] = await db.execute<{ count: number }>(sql`select count(*)::int as count from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`);
        return row?.count;
      };
      let release = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const holder = db.transaction(async (tx) => {
        await tx.select().from(servers).where(eq(servers.id, serverId)).for('update');
        await held;
      });
      await until(async () => {
        const [row] = await db.execute(sql`select 1 from pg_stat_activity
        where datname = current_database() and state = 'idle in transaction'`);
        return row !== undefined;
      }, 5000);
      // Two of one tool, and two tools that want one name.
      const edits = [
        setToolOverlay(ctx(admin), ref('copy'), { title: 'Second' }),
        setToolOverlay(ctx(admin), ref('copy'), { title: 'Third' }),
      ];
      const named = ['copy', 'move'].map((tool) => codeOf(setToolOverlay(ctx(admin), inTeam(tool), { name: 'one' })));
      try {
        // The two of the group stand behind each other at the row of the group.
        await until(async () => (await waiting()) === 4, 5000);
      } finally {
        release();
        await holder;
      }
      const versions = (await Promise.all(edits)).map(({ version }) => version);
      expect(versions.sort()).toEqual([2, 3]);
      expect((await Promise.all(named)).sort()).toEqual(['CONFLICT', 'none']);
      const trail = await use()
        .db.select({ before: auditLogs.before, after: auditLogs.after })
        .from(auditLogs)
        .where(and(eq(auditLogs.resourceName, `${disk}/copy`), eq(auditLogs.action, 'tool.curated')))
        .orderBy(auditLogs.id);
      const titles = trail.flatMap(({ before, after }) => {
        const [was, is] = [before, after].map((each) => (each as ToolOverlay | null)?.title);
        return is === undefined ? [] : [[was, is]];
      });
      // Each knows what it replaced.
      expect(titles).toHaveLength(3);
      expect(titles.slice(1).map(([was]) => was)).toEqual(titles.slice(0, -1).map(([, is]) => is));
    });
  }

  it('takes the right to change the server, or the group', async () => {
    const overlay = { description: 'Other' };
    expect(await codeOf(setToolOverlay(ctx(manager), ref('copy'), overlay))).toBe('FORBIDDEN');
    expect(await codeOf(getToolOverlay(ctx(manager), ref('copy')))).toBe('FORBIDDEN');
    expect(await codeOf(setToolOverlay(ctx(user), inTeam('copy'), overlay))).toBe('FORBIDDEN');
    expect(await codeOf(getToolOverlay(ctx(user), inTeam('copy')))).toBe('FORBIDDEN');
    const stranger = await actor('user');
    expect(await codeOf(setToolOverlay(ctx(stranger), ref('copy'), overlay))).toBe('NOT_FOUND');
    expect(await codeOf(setToolOverlay(ctx(stranger), inTeam('copy'), overlay))).toBe('NOT_FOUND');
    expect(await setToolOverlay(ctx(manager), inTeam('copy'), overlay)).toMatchObject({ group: team, version: 1 });
    expect(take().map(({ name }) => name)).toEqual(['tools.curated']);
    expect(await lastAudit()).toMatchObject({ action: 'tool.curated', after: { group: team, ...overlay } });
    for (const wrong of [
      ref('none'),
      inTeam('none'),
      { server: 'none', tool: 'copy' },
      { ...inTeam('copy'), group: 'none' },
    ]) {
      expect(await codeOf(setToolOverlay(ctx(admin), wrong, overlay))).toBe('NOT_FOUND');
    }
    await createGroup(ctx(admin), { name: `empty-${round}` });
    const elsewhere = { ...inTeam('copy'), group: `empty-${round}` };
    expect(await codeOf(setToolOverlay(ctx(admin), elsewhere, overlay))).toBe('NOT_FOUND');
  });

  it('a group lays its own over that of the server, and does not bring back what that took away', async () => {
    await setToolOverlay(ctx(admin), ref('copy'), {
      name: 'clone',
      parameters: { to: { mode: 'fixed', value: '/backup' } },
    });
    const wish = { parameters: { to: { mode: 'fixed' as const, value: '/etc' } } };
    await expect(setToolOverlay(ctx(manager), inTeam('copy'), wish)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      extras: { faults: [{ pointer: '/parameters/to', detail: expect.stringContaining('does not exist') }] },
    });
    const set = await setToolOverlay(ctx(manager), inTeam('copy'), {
      description: 'Of the team',
      parameters: { depth: { mode: 'default', value: 3 } },
    });
    expect(set).toMatchObject({
      upstream: { name: 'copy', description: 'Copies a file' },
      base: { name: 'clone', description: 'Copies a file' },
      shown: { name: 'clone', description: 'Of the team' },
    });
    const [tool, other] = await listGroupTools(ctx(user), team);
    expect(tool).toMatchObject({
      server: disk,
      tool: 'copy',
      name: 'clone',
      description: 'Of the team',
      curated: true,
    });
    expect(Object.keys(tool?.inputSchema.properties as object)).toEqual(['from', 'depth']);
    expect(other).toMatchObject({ tool: 'move', curated: false });
  });

  it('names that are taken, unknown parameters, hidden ones that are required and hidden characters are refused', async () => {
    const faultOf = async (tool: string, overlay: object) => {
      try {
        await setToolOverlay(ctx(admin), ref(tool), overlay);
        return null;
      } catch (error) {
        const { code, extras } = error as { code: string; extras: { faults?: { pointer: string }[] } };
        return `${code} ${extras.faults?.[0]?.pointer}`;
      }
    };
    expect(await faultOf('copy', { name: 'move' })).toBe('CONFLICT /name');
    await setToolOverlay(ctx(admin), ref('copy'), { name: 'clone' });
    expect(await faultOf('move', { name: 'clone' })).toBe('CONFLICT /name');
    expect(await faultOf('move', { name: 'copy' })).toBe('CONFLICT /name');
    expect(await codeOf(setToolOverlay(ctx(admin), inTeam('move'), { name: 'clone' }))).toBe('CONFLICT');
    await setToolOverlay(ctx(admin), inTeam('move'), { name: 'shift' });
    expect(await faultOf('copy', { name: 'shift' })).toBe('CONFLICT /name');
    // What one group says does not bind another.
    await createGroup(ctx(admin), { name: `b-${round}`, servers: [{ server: disk, tools: 'all' }] });
    const elsewhere = { ...inTeam('copy'), group: `b-${round}` };
    expect(await setToolOverlay(ctx(admin), elsewhere, { name: 'shift' })).toMatchObject({ version: 1 });
    const two = await Promise.all(
      ['copy', 'move'].map((tool) => codeOf(setToolOverlay(ctx(admin), ref(tool), { name: 'at-once' }))),
    );
    expect(two.filter((code) => code === 'CONFLICT')).toHaveLength(1);

    expect(await faultOf('copy', { parameters: { none: { mode: 'hidden' } } })).toBe('INVALID_INPUT /parameters/none');
    expect(await faultOf('copy', { parameters: { to: { mode: 'hidden' } } })).toBe('INVALID_INPUT /parameters/to');
    const wrong = { parameters: { depth: { mode: 'fixed', value: 'deep' } } };
    expect(await faultOf('copy', wrong)).toBe('INVALID_INPUT /parameters/depth');
    expect(await faultOf('copy', { description: 'Fine\u200b or not' })).toBe('INVALID_INPUT /description');
    expect(await faultOf('copy', { title: 'a\0b' })).toBe('INVALID_INPUT /title');
    expect(await faultOf('copy', { name: 'a b' })).toBe('INVALID_INPUT /name');
  });

  it('outlives its tool, tells what does not fit, and leaves the watch over changes to the server itself', async () => {
    await setToolOverlay(ctx(admin), ref('copy'), {
      description: 'Curated',
      parameters: { depth: { mode: 'fixed', value: 2 } },
    });
    await list([move]);
    expect(await getToolOverlay(ctx(admin), ref('copy'))).toMatchObject({
      upstream: null,
      shown: null,
      faults: ['The server does not list this tool now.'],
    });
    const { depth: _depth, ...properties } = copy.inputSchema.properties;
    await list([{ ...copy, description: 'Something new', inputSchema: { ...copy.inputSchema, properties } }, move]);
    const [tool] = await listTools(ctx(admin), { server: disk });
    expect(tool).toMatchObject({
      description: 'Something new',
      curated: { description: 'Curated' },
      overlayFaults: ['The parameter "depth" does not exist (any more).'],
      drift: { description: 'Copies a file' },
    });
    expect(await getToolOverlay(ctx(admin), ref('copy'))).toMatchObject({ version: 1, faults: tool?.overlayFaults });
    // What fitted once does not stand in the way of other changes.
    const kept = { depth: { mode: 'fixed' as const, value: 2 } };
    const set = await setToolOverlay(ctx(admin), ref('copy'), { title: 'Copy', parameters: kept });
    expect(set).toMatchObject({ version: 2, faults: tool?.overlayFaults });
    const other = { parameters: { depth: { mode: 'fixed' as const, value: 3 } } };
    expect(await codeOf(setToolOverlay(ctx(admin), ref('copy'), other))).toBe('INVALID_INPUT');
  });

  it('a tool that is off is on again only by who may open things, where everybody reaches its server', async () => {
    await setToolOverlay(ctx(admin), ref('copy'), { enabled: false });
    const [off] = await listTools(ctx(admin), { server: disk });
    expect(off).toMatchObject({ name: 'copy', enabled: false, curated: null });
    expect(await listGroupTools(ctx(admin), team)).toMatchObject([{ tool: 'move' }]);
    await updateServer(ctx(admin), disk, { anonymous: true });
    const owner = { ...user, permissions: [{ resource: 'server', action: '*', scope: 'all' }] } as Actor;
    expect(await codeOf(removeToolOverlay(ctx(owner), ref('copy')))).toBe('FORBIDDEN');
    await use().db.update(servers).set({ anonymous: false });
    await removeToolOverlay(ctx(owner), ref('copy'));
    expect((await listTools(ctx(admin), { server: disk }))[0]?.enabled).toBe(true);
  });

  it('a read-only key sees a tool only where neither its server nor the overlay says that it changes something', async () => {
    const reader = { ...admin, keyScope: { readOnly: true } } as Actor;
    const names = async () => (await listTools(ctx(reader), { server: disk })).map(({ name }) => name);
    await list([copy, { ...move, annotations: { readOnlyHint: true } }]);
    await setToolOverlay(ctx(admin), ref('copy'), { annotations: { readOnlyHint: true } });
    expect(await names()).toEqual(['move']);
    await setToolOverlay(ctx(admin), ref('move'), { annotations: { readOnlyHint: false } });
    expect(await names()).toEqual([]);
  });
});
