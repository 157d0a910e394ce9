// The servers file and the paste box on a real database: what is touched, what is kept, what is refused.
import { eq } from 'drizzle-orm';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { groupServers, servers } from '../../../drizzle/schema';
import type { Actor } from '../../../lib/access/schema';
import {
  applyImport,
  createGroup,
  createServer,
  getServer,
  importConfigFile,
  listDesired,
  listServers,
  planImport,
  stopServer,
} from '../../../lib/servers';
import { eachDatabase } from '../../support/database';
import { bench, codeOf } from './support';

const path = '/srv/mcp.json';

eachDatabase('servers file and import', (kind) => {
  const { use, ctx, take, actor, parts, opened, opener } = bench(kind);
  let admin: Actor;

  const sync = (text: unknown) =>
    importConfigFile(parts(), path, typeof text === 'string' ? text : JSON.stringify(text));

  beforeAll(async () => {
    admin = await actor('admin');
  });

  beforeEach(async () => {
    await use().db.delete(servers);
  });

  describe('servers file', () => {
    it('a change touches only the servers that it concerns', async () => {
      await sync({
        mcpServers: { a: { command: 'x' }, b: { command: 'y', env: { B: '1', A: '2' } }, c: { url: 'http://c/' } },
      });
      const before = new Map((await listServers(ctx(admin))).map((server) => [server.name, server]));
      take();
      const result = await sync({
        mcpServers: { b: { command: 'y', env: { A: '2', B: '1' } }, a: { command: 'x2' }, d: { url: 'http://d/' } },
      });
      expect(result).toEqual({ faults: [], created: ['d'], updated: ['a'], deleted: ['c'] });
      expect(take().map(({ name }) => name)).toEqual(['server.deleted', 'server.updated', 'server.created']);
      expect(await getServer(ctx(admin), 'b')).toEqual(before.get('b'));
      expect(await getServer(ctx(admin), 'a')).toMatchObject({ id: before.get('a')?.id, command: 'x2', version: 2 });
    });

    it('a bad entry keeps its last good state and is named with its place; the others go on', async () => {
      await sync({ mcpServers: { good: { command: 'x' }, bad: { command: 'y' } } });
      const { faults, updated, deleted } = await sync(
        '{\n  "mcpServers": {\n    "good": { "command": "x2" },\n    "bad": { "command": 7 }\n  }\n}',
      );
      expect(faults).toEqual([expect.stringMatching(/^line 4, column 25: the entry "bad" .*command/)]);
      expect({ updated, deleted }).toEqual({ updated: ['good'], deleted: [] });
      expect(await getServer(ctx(admin), 'bad')).toMatchObject({ command: 'y' });
    });

    it('text that is no JSON changes nothing', async () => {
      await sync({ mcpServers: { kept: { command: 'x' } } });
      const { faults } = await sync('{ "mcpServers": { "kept": { "command": "z" } "other": {} } }');
      expect(faults).toEqual([expect.stringMatching(/^line 1, column 46 in the entry "other": a comma is missing/)]);
      expect(await getServer(ctx(admin), 'kept')).toMatchObject({ command: 'x' });
    });

    it('a name that an API row has is a fault of that entry only, and the API row stays', async () => {
      await createServer(ctx(admin), { name: 'Mine', type: 'stdio', command: 'own' });
      const { faults, created } = await sync({ mcpServers: { mine: { command: 'x' }, fresh: { command: 'y' } } });
      expect(created).toEqual(['fresh']);
      expect(faults).toEqual([expect.stringContaining('"mine"')]);
      expect(await getServer(ctx(admin), 'mine')).toMatchObject({ command: 'own', source: 'api' });
      await sync({ mcpServers: {} });
      expect((await listServers(ctx(admin))).map((server) => server.name)).toEqual(['Mine']);
    });

    it('a stop by hand and memberships in groups outlive a change of the entry', async () => {
      await sync({ mcpServers: { held: { command: 'x' } } });
      const { id } = await createGroup(ctx(admin), {
        name: `holders-${kind}`,
        servers: [{ server: 'held', tools: 'all' }],
      });
      await stopServer(ctx(admin), 'held');
      await sync({ mcpServers: { held: { command: 'y' } } });
      expect(await getServer(ctx(admin), 'held')).toMatchObject({ command: 'y', desired: 'stopped' });
      expect(await use().db.select().from(groupServers).where(eq(groupServers.groupId, id))).toHaveLength(1);
    });

    it('variables are stored as written and expanded when the server is to run; an unset one concerns its server only', async () => {
      await sync({
        mcpServers: {
          full: { command: 'x', args: ['${A}', '${NONE:-fallback}'], env: { T: '${env:A}', L: '$A' } },
          lacking: { url: 'http://${HOST_OF_NOBODY}/mcp' },
          odd: { url: '${B}' },
        },
      });
      const [row] = await use().db.select().from(servers).where(eq(servers.name, 'full'));
      expect(row?.args).toEqual(['${A}', '${NONE:-fallback}']);
      const desired = new Map(
        (await listDesired(use().db, { A: 'value', B: 'nonsense' }, opener)).map((each) => [each.name, each]),
      );
      expect(desired.get('full')).toMatchObject({
        args: ['value', 'fallback'],
        env: { T: 'value', L: '$A' },
        fault: null,
      });
      expect(desired.get('lacking')?.fault).toContain('"HOST_OF_NOBODY"');
      expect(desired.get('odd')?.fault).toContain('http or https');
    });

    it('foreign names are made legal, unchanged and unknown keys are kept', async () => {
      await sync({ mcpServers: { 'My Server (v2)': { command: 'x', disabled: true, autoApprove: ['a'] } } });
      expect(await getServer(ctx(admin), 'my-server-v2')).toMatchObject({ label: 'My Server (v2)', enabled: false });
      const [row] = await use().db.select().from(servers);
      expect(row?.extra).toEqual({ autoApprove: ['a'] });
    });
  });

  describe('paste box', () => {
    const text = JSON.stringify({
      mcpServers: {
        fresh: { command: 'npx', env: { TOKEN: 'a-long-secret-value', PATH_OF: '${HOME}' } },
        taken: { command: 'other' },
        same: { command: 'x' },
        wrong: { args: [] },
      },
    });

    beforeEach(async () => {
      await createServer(ctx(admin), { name: 'taken', type: 'stdio', command: 'mine' });
      await createServer(ctx(admin), { name: 'same', type: 'stdio', command: 'x' });
    });

    it('a plan says what would happen, masks secrets and writes nothing', async () => {
      const plan = await planImport(ctx(admin), text);
      expect(plan.rows.map(({ name, state }) => [name, state])).toEqual([
        ['fresh', 'add'],
        ['taken', 'conflict'],
        ['same', 'unchanged'],
        ['wrong', 'invalid'],
      ]);
      expect(JSON.stringify(plan)).not.toContain('a-long-secret-value');
      expect(plan.rows[0]?.warnings).toEqual([expect.stringContaining('${HOME}')]);
      expect(await listServers(ctx(admin))).toHaveLength(2);
    });

    it('applying follows the choices; a conflict without one is skipped', async () => {
      expect(await applyImport(ctx(admin), text)).toEqual({
        created: ['fresh'],
        updated: [],
        skipped: ['taken', 'same', 'wrong'],
      });
      const [row] = await use().db.select().from(servers).where(eq(servers.name, 'fresh'));
      expect((await opened(row))?.env).toEqual({ TOKEN: 'a-long-secret-value', PATH_OF: '${HOME}' });
      expect((await applyImport(ctx(admin), text, { taken: 'rename' })).created).toEqual(['taken-2']);
      expect((await applyImport(ctx(admin), text, { taken: 'overwrite' })).updated).toEqual(['taken']);
      expect(await getServer(ctx(admin), 'taken')).toMatchObject({ command: 'other' });
    });

    it('one refused overwrite undoes the whole import', async () => {
      await createGroup(ctx(admin), { name: `club-${kind}` });
      const both = JSON.stringify({ fresh2: { command: 'a' }, [`club-${kind}`]: { command: 'b' } });
      expect(await codeOf(applyImport(ctx(admin), both, { [`club-${kind}`]: 'overwrite' }))).toBe('CONFLICT');
      expect(await codeOf(getServer(ctx(admin), 'fresh2'))).toBe('NOT_FOUND');
    });

    it('bad JSON is shown with line, column and a caret; foreign text is refused; rights are asked', async () => {
      await expect(planImport(ctx(admin), '{\n  "mcpServers": {\n    "a" {}\n}}')).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        message: expect.stringMatching(/^Line 3, column 9: .*\n {4}"a" \{\}\n {8}\^$/),
      });
      expect(await codeOf(planImport(ctx(admin), 'hello world'))).toBe('INVALID_INPUT');
      expect(await codeOf(planImport(ctx(admin), '{}'))).toBe('INVALID_INPUT');
      const manager = await actor('manager');
      expect(await codeOf(planImport(ctx(manager), text))).toBe('FORBIDDEN');
      expect(await codeOf(applyImport(ctx(manager), text))).toBe('FORBIDDEN');
    });

    it('of two imports at once no name is created twice', async () => {
      const one = JSON.stringify({ onlyonce: { command: 'a' } });
      const results = await Promise.allSettled([applyImport(ctx(admin), one), applyImport(ctx(admin), one)]);
      expect(results.some(({ status }) => status === 'fulfilled')).toBe(true);
      expect(await use().db.select().from(servers).where(eq(servers.name, 'onlyonce'))).toHaveLength(1);
    });
  });
});
