// Tools that change after they were first seen: noticed, shown with what they were, held where a server says so, and taken
// for good by an approval.
import { desc, eq } from 'drizzle-orm';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { auditLogs, servers, toolPins } from '../../../drizzle/schema';
import type { Actor } from '../../../lib/access/schema';
import { approveTools, createServer, listDrift, listTools, updateServer } from '../../../lib/servers';
import { type Definition, definitionHash, loadEndpoints, storeCatalog } from '../../../lib/servers/catalog';
import { eachDatabase } from '../../support/database';
import { bench, codeOf } from './support';

const tool = (name: string, description: string, more: object = {}): Definition => ({
  name,
  description,
  inputSchema: { type: 'object' },
  ...more,
});

eachDatabase('tools that change', (kind) => {
  const { use, ctx, take, actor } = bench(kind);
  let admin: Actor;
  let user: Actor;
  let id: string;

  const list = (tools: Definition[]) =>
    storeCatalog(use().db, id, {
      protocolVersion: '2025-11-25',
      serverInfo: { name: 'x' },
      capabilities: {},
      instructions: null,
      tools,
      resources: [],
      resourceTemplates: [],
      prompts: [],
      faults: [],
    });
  const shown = async (name: string) =>
    (await listTools(ctx(admin), { server: 'one' })).find((each) => each.name === name);
  const approve = (tools: Definition[], by: Actor = admin) =>
    approveTools(ctx(by), 'one', {
      tools: tools.map((each) => ({ name: String(each.name), definitionHash: definitionHash(each) })),
    });
  const pinsOf = async () => (await loadEndpoints(use().db)).servers.find((each) => each.id === id)?.pins;

  beforeAll(async () => {
    [admin, user] = await Promise.all([actor('admin'), actor('user')]);
  });
  beforeEach(async () => {
    await use().db.delete(servers);
    ({ id } = await createServer(ctx(admin), { name: 'one', type: 'stdio', command: 'true' }));
    take();
  });

  const [first, second] = [tool('a', 'Adds'), tool('a', 'Adds, and sends a copy away')];
  const other = tool('b', 'Stays');

  it('are as they were when nothing changed', async () => {
    expect((await list([first, other])).drifted).toEqual([]);
    expect((await list([other, { ...first, 'x-own': 1 }])).drifted).toEqual([]);
    expect((await shown('a'))?.drift).toBeNull();
  });

  it('are told once, with what they were, and leave an entry in the audit trail', async () => {
    await list([first, other]);
    expect((await list([second, other])).drifted).toEqual(['a']);
    expect((await list([second, other])).drifted).toEqual([]);
    expect(await shown('a')).toMatchObject({
      description: 'Adds, and sends a copy away',
      drift: { description: 'Adds', held: false },
    });
    expect((await shown('b'))?.drift).toBeNull();
    const [entry] = await use().db.select().from(auditLogs).orderBy(desc(auditLogs.id)).limit(1);
    expect(entry).toMatchObject({ action: 'server.tools-drifted', resourceName: 'one', after: { tools: ['a'] } });
  });

  it('are counted by server for those who may read it, until they are approved', async () => {
    await list([first, other]);
    expect(await listDrift(ctx(admin))).toEqual([]);
    await list([second, other]);
    expect(await listDrift(ctx(admin))).toEqual([{ server: 'one', count: 1, held: false }]);
    expect(await listDrift({ ...ctx(user), actor: { ...user, permissions: [] } })).toEqual([]);
    await updateServer(ctx(admin), 'one', { definitionChanges: 'hold' });
    expect(await listDrift(ctx(admin))).toEqual([{ server: 'one', count: 1, held: true }]);
    await approve([second]);
    expect(await listDrift(ctx(admin))).toEqual([]);
  });

  it('are the same again when they change back', async () => {
    await list([first]);
    await list([second]);
    expect((await list([first])).drifted).toEqual([]);
    expect((await shown('a'))?.drift).toBeNull();
  });

  it('are no new ones when they went and came back otherwise', async () => {
    await list([first, other]);
    await list([other]);
    expect(await list([second, other])).toMatchObject({ added: ['a'], drifted: ['a'] });
  });

  it('are taken as they are where the server says so, and from then on hold as the known ones', async () => {
    await updateServer(ctx(admin), 'one', { definitionChanges: 'allow' });
    await list([first]);
    expect((await list([second])).drifted).toEqual([]);
    await updateServer(ctx(admin), 'one', { definitionChanges: 'warn' });
    expect((await shown('a'))?.drift).toBeNull();
    expect((await list([first])).drifted).toEqual(['a']);
  });

  it('are given to the gateway with the hashes that they have to have, only where they are held', async () => {
    await list([first]);
    expect(await pinsOf()).toBeNull();
    await updateServer(ctx(admin), 'one', { definitionChanges: 'hold' });
    await list([second]);
    expect(await pinsOf()).toEqual({ a: definitionHash(first) });
    expect((await shown('a'))?.drift?.held).toBe(true);
  });

  it('are taken for good by an approval of exactly what is there', async () => {
    await list([first, other]);
    await list([second, other]);
    expect(await codeOf(approve([second, tool('b', 'Was never so')]))).toBe('CONFLICT');
    expect(await codeOf(approve([tool('c', 'Is not there')]))).toBe('CONFLICT');
    expect((await shown('a'))?.drift).not.toBeNull();
    take();
    await approve([second]);
    expect((await shown('a'))?.drift).toBeNull();
    expect(take()).toEqual([{ name: 'tools.approved', payload: { id, name: 'one' } }]);
    const [pin] = await use().db.select().from(toolPins).where(eq(toolPins.name, 'a'));
    expect(pin?.definition).toEqual(second);
    const [entry] = await use().db.select().from(auditLogs).orderBy(desc(auditLogs.id)).limit(1);
    expect(entry).toMatchObject({ action: 'server.tools-approved', before: { a: first }, after: { a: second } });
  });

  it('are approved by those who may change the server', async () => {
    await list([first]);
    expect(await codeOf(approve([first], user))).toBe('NOT_FOUND');
  });

  it.each([
    ['a character that nobody sees', tool('a', 'Adds\u200b numbers'), ['hidden-characters']],
    ['a turn of the text', tool('a', 'Adds', { title: 'A\u202eb' }), ['hidden-characters']],
    [
      'a tag within the schema',
      tool('a', 'x', { inputSchema: { type: 'object', title: 'x\u{e0041}' } }),
      ['hidden-characters'],
    ],
    ['a name like that of another', tool('B', 'Looks like b'), ['look-alike-name']],
    ['lines, tabs and joined emoji', tool('a', 'One\n\ttwo 👩\u200d💻'), []],
  ])('are marked for %s', async (_what, odd, suspicions) => {
    await list([odd, other]);
    expect((await shown(String(odd.name)))?.suspicions).toEqual(suspicions);
  });
});
