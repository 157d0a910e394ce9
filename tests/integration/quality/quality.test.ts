// What tells how well the search for tools serves: the test set, its runs, and what came of searches.
import { eq } from 'drizzle-orm';
import { beforeEach, describe, expect, it } from 'vitest';
import { auditLogs, searchCases, searchCosts, searchRuns, toolSearches } from '../../../drizzle/schema';
import { type Ctx, createKey } from '../../../lib/access';
import {
  casesToRun,
  createCase,
  createSearchLog,
  deleteCase,
  getCase,
  getRun,
  importCases,
  listCases,
  listRuns,
  listSearches,
  type SearchEntry,
  searchFigures,
  storeRun,
  updateCase,
  writeCases,
} from '../../../lib/quality';
import type { Measurement, SearchCaseInput } from '../../../lib/quality/schema';
import { createServer } from '../../../lib/servers';
import { storeCatalog } from '../../../lib/servers/catalog';
import { sweep } from '../../../worker/jobs/retention';
import { eachDatabase, silentLog } from '../../support/database';
import { accessFixture } from '../access/fixture';

const listing = { protocolVersion: '', serverInfo: { name: 'x' }, capabilities: {}, instructions: null };
const lists = { resources: [], resourceTemplates: [], prompts: [], faults: [] };
const engine = { version: '1.0.0', mode: 'lexical', model: null, embedded: 0, tools: 2, catalog: 'abc' };

eachDatabase('the quality of the search', (kind) => {
  const fixture = accessFixture(kind);
  let root: Ctx;
  let manager: Ctx;
  let user: Ctx;

  beforeEach(async () => {
    const { db } = fixture.database;
    root = await fixture.addUser('root', 'admin');
    manager = await fixture.addUser('manager', 'manager');
    user = await fixture.addUser('user', 'user');
    const { id } = await createServer(root, { name: 'Files', type: 'stdio', command: 'node' });
    const tools = ['read_file', 'move/file'].map((name) => ({ name, inputSchema: { type: 'object' } }));
    await storeCatalog(db, id, { ...listing, ...lists, tools });
  });

  const actions = async () => (await root.db.select().from(auditLogs)).map(({ action }) => action);

  describe('a test set', () => {
    it('is made, changed, read and taken apart by those who may, and every change is in the audit trail', async () => {
      const made = await createCase(root, {
        query: ' rename a document ',
        expected: ['files/move/file', 'Files/move/file', 'files/gone'],
        note: 'from support',
      });
      expect(made).toMatchObject({
        query: 'rename a document',
        expected: ['Files/move/file', 'files/gone'],
        missing: ['files/gone'],
        group: null,
        note: 'from support',
        version: 1,
      });
      const changed = await updateCase(root, made.id, { expected: ['files/read_file'] }, { ifVersion: 1 });
      expect(changed).toMatchObject({ query: made.query, note: 'from support', missing: [], version: 2 });
      expect(await getCase(manager, made.id)).toEqual(changed);
      await expect(updateCase(root, made.id, { note: '' }, { ifVersion: 1 })).rejects.toMatchObject({
        code: 'STALE_VERSION',
        message: expect.stringContaining('by root'),
      });
      await deleteCase(root, made.id);
      await expect(deleteCase(root, made.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      expect(await listCases(root)).toEqual([]);
      expect(await actions()).toEqual(
        expect.arrayContaining(['search-case.created', 'search-case.updated', 'search-case.deleted']),
      );
    });

    it('is read by those who see all tools, and changed and run by those who change settings', async () => {
      const { id } = await createCase(root, { query: 'a', expected: ['files/read_file'] });
      const forbidden = { code: 'FORBIDDEN' };
      for (const verb of [listCases, listRuns, (ctx: Ctx) => getCase(ctx, id)]) {
        expect(await verb(manager)).toBeTruthy();
        await expect(verb(user)).rejects.toMatchObject(forbidden);
      }
      for (const ctx of [manager, user]) {
        await expect(createCase(ctx, { query: 'b', expected: ['a/b'] })).rejects.toMatchObject(forbidden);
        await expect(updateCase(ctx, id, { note: 'x' })).rejects.toMatchObject(forbidden);
        await expect(deleteCase(ctx, id)).rejects.toMatchObject(forbidden);
        await expect(importCases(ctx, { text: '{}' })).rejects.toMatchObject(forbidden);
        await expect(casesToRun(ctx)).rejects.toMatchObject(forbidden);
      }
    });

    it('holds a request once for each group, also when two add it at once', async () => {
      const input = { query: 'a', expected: ['files/read_file'] };
      const both = await Promise.allSettled([createCase(root, input), createCase(root, input)]);
      expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const other = await createCase(root, { ...input, group: 'Team' });
      await expect(createCase(root, { ...input, group: 'team' })).rejects.toMatchObject({ code: 'CONFLICT' });
      await expect(updateCase(root, other.id, { group: null })).rejects.toMatchObject({ code: 'CONFLICT' });
    });

    it('refuses what is no request with a tool, and says where', async () => {
      const refused: [SearchCaseInput, string][] = [
        [{ query: '', expected: ['a/b'] }, '/query'],
        [{ query: 'x'.repeat(2_001), expected: ['a/b'] }, '/query'],
        [{ query: 'nul \0', expected: ['a/b'] }, '/query'],
        [{ query: 'x', expected: [] }, '/expected'],
        [{ query: 'x', expected: ['tool'] }, '/expected/0'],
        [{ query: 'x', expected: Array(11).fill('a/b') }, '/expected'],
      ];
      for (const [input, pointer] of refused) {
        await expect(createCase(root, input), pointer).rejects.toMatchObject({
          code: 'INVALID_INPUT',
          extras: { faults: [{ pointer }] },
        });
      }
    });

    it('is imported from lines of JSON after a look at what matches no tool, all or nothing, and twice alike', async () => {
      await createCase(root, { query: 'known', expected: ['files/read_file'] });
      const text = [
        '{"query":"known","expected":["files/move/file"]}',
        '',
        '{"query":"new","expected":"FILES/read_file","group":"team","note":"n"}',
        '{"query":"lost","expected":["gone/tool"]}',
      ].join('\n');
      const plan = await importCases(root, { text, dryRun: true });
      expect(plan).toMatchObject({ added: 2, changed: 1, same: 0, unmatched: 1, faults: [] });
      expect(plan.entries.map(({ line, plan: what, missing }) => [line, what, missing])).toEqual([
        [4, 'new', ['gone/tool']],
        [1, 'changed', []],
        [3, 'new', []],
      ]);
      expect(await listCases(root)).toHaveLength(1);
      expect(await importCases(root, { text })).toMatchObject({ added: 2, changed: 1, same: 0 });
      expect(await importCases(root, { text })).toMatchObject({ added: 0, changed: 0, same: 3 });
      expect(await listCases(root)).toMatchObject([
        { query: 'known', expected: ['files/move/file'], version: 2 },
        { query: 'new', group: 'team', note: 'n' },
        { query: 'lost', missing: ['gone/tool'] },
      ]);
      expect((await actions()).filter((action) => action === 'search-case.imported')).toHaveLength(1);

      const faulty = `${text}\nnot json\n{"query":"x"}\n{"query":"y","expected":["z"]}`;
      const { faults } = await importCases(root, { text: faulty, dryRun: true });
      expect(faults.map(({ line }) => line)).toEqual([5, 6, 7]);
      await expect(importCases(root, { text: `{"query":"more","expected":["a/b"]}\n${faulty}` })).rejects.toMatchObject(
        {
          code: 'INVALID_INPUT',
          message: expect.stringContaining('Line 6'),
        },
      );
      expect(await listCases(root)).toHaveLength(3);
    });

    it('comes back from its own export, as JSON and as CSV, whatever is in it', async () => {
      const odd = [
        { query: '=1+1, "quoted"\nsecond line', expected: ['files/move/file', 'a/b c'], group: 'team', note: ' ; ' },
        { query: '文件 umbenennen', expected: ['files/read_file'], note: '-x' },
        { query: "'=a formula in quotes", expected: ['files/one;two', 'files/[3]'], note: "''-x" },
      ];
      for (const each of odd) await createCase(root, each);
      const before = (await listCases(root)).map(({ query, expected, group, note }) => [query, expected, group, note]);
      for (const format of ['jsonl', 'csv'] as const) {
        const text = writeCases(await listCases(root), format);
        expect(await importCases(root, { text })).toMatchObject({ added: 0, changed: 0, same: 3 });
        await root.db.delete(searchCases);
        await importCases(root, { text });
        const after = (await listCases(root)).map(({ query, expected, group, note }) => [query, expected, group, note]);
        expect(after.sort()).toEqual([...before].sort());
      }
      expect(writeCases(await listCases(root), 'csv')).toContain(`"'=1+1, ""quoted""`);
    });

    it('tells what is wrong with a CSV, and holds no more than 2,000 entries', async () => {
      const faultsOf = async (text: string) => (await importCases(root, { text, dryRun: true })).faults;
      expect(await faultsOf('request,tool\na,b/c')).toMatchObject([
        { line: 1, detail: expect.stringContaining('query') },
      ]);
      expect(await faultsOf('query,expected\na,b/c,more\n\nd,e')).toMatchObject([{ line: 2 }, { line: 4 }]);
      expect(await faultsOf(' ')).toHaveLength(1);
      const lines = (count: number, word: string) =>
        Array.from({ length: count }, (_, at) => JSON.stringify({ query: `${word} ${at}`, expected: 'a/b' })).join(
          '\n',
        );
      expect(await faultsOf(lines(2_001, 'x'))).toMatchObject([{ line: 2_001 }]);
      expect(await importCases(root, { text: lines(1_999, 'x') })).toMatchObject({ added: 1_999 });
      await createCase(root, { query: 'last', expected: ['a/b'] });
      await expect(createCase(root, { query: 'over', expected: ['a/b'] })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        message: expect.stringContaining('2000'),
      });
      await expect(importCases(root, { text: lines(1, 'y') })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    });
  });

  describe('a run', () => {
    const measured = async (ranks: Record<string, number | null | 'void'>): Promise<Measurement> => ({
      engine,
      results: (await casesToRun(root)).map(({ id, query }) => {
        const rank = ranks[query] ?? null;
        return rank === 'void'
          ? { id, rank: null, missing: ['a/b'], void: true }
          : { id, rank, missing: [], void: false };
      }),
    });
    const run = async (ranks: Record<string, number | null | 'void'>) =>
      storeRun(root, await casesToRun(root), await measured(ranks), 12.3);

    it('needs entries', async () => {
      await expect(casesToRun(root)).rejects.toMatchObject({ code: 'CONFLICT' });
    });

    it('gives figures that leave out what no tool is there for, and is compared with the one before', async () => {
      for (const query of ['a', 'b', 'c', 'd', 'e']) await createCase(root, { query, expected: ['files/read_file'] });
      const first = await run({ a: 1, b: 4, c: 8, d: null, e: 'void' });
      expect(first.figures).toEqual({
        cases: 5,
        counted: 4,
        flagged: 1,
        hit1: 0.25,
        hit5: 0.5,
        hit10: 0.75,
        mrr: (1 + 1 / 4 + 1 / 8) / 4,
      });
      expect([first.against, first.common]).toEqual([null, null]);
      expect(first.entries.every(({ change }) => change === 'new')).toBe(true);

      const [changed] = (await listCases(root)).filter(({ query }) => query === 'd');
      await updateCase(root, changed?.id ?? '', { expected: ['files/move/file'] });
      const second = await run({ a: 2, b: 1, c: 8, d: 1, e: 3 });
      expect(second.against?.id).toBe(first.id);
      expect(second.fingerprint).toBe(first.fingerprint);
      const changes = Object.fromEntries(second.entries.map(({ query, change, before }) => [query, [change, before]]));
      expect(changes).toEqual({
        a: ['worse', 1],
        b: ['better', 4],
        c: ['same', 8],
        d: ['new', undefined],
        e: ['new', undefined],
      });
      expect(second.common).toMatchObject({ cases: 3, before: { hit1: 1 / 3 }, now: { hit1: 1 / 3, hit5: 2 / 3 } });
      const third = await run({ a: 1 });
      expect((await getRun(manager, third.id, { against: first.id })).against?.id).toBe(first.id);
      expect((await listRuns(manager)).map(({ id }) => id)).toEqual([third.id, second.id, first.id]);
      expect(await actions()).toContain('search.measured');
    });

    it('outlives its entries, and the latest fifty are kept', async () => {
      const { id } = await createCase(root, { query: 'a', expected: ['files/read_file'] });
      for (let at = 0; at < 52; at++) await run({ a: 1 });
      expect(await root.db.select({ id: searchRuns.id }).from(searchRuns)).toHaveLength(50);
      await deleteCase(root, id);
      const [latest] = await listRuns(root);
      expect((await getRun(root, latest?.id ?? '')).entries).toMatchObject([{ query: 'a', rank: 1, change: 'same' }]);
      for (const unknown of ['x', id]) {
        await expect(getRun(root, unknown)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      }
    });
  });

  describe('what came of searches', () => {
    const entry = (changes: Partial<SearchEntry>): SearchEntry => ({
      at: new Date(),
      userId: root.actor.userId,
      keyId: null,
      actor: 'root',
      client: 'c',
      endpoint: '/api/mcp/$smart',
      query: 'rename a file',
      mode: 'lexical',
      hits: 3,
      found: ['files/read_file'],
      called: null,
      calledRank: null,
      ...changes,
    });

    it('is written in portions, read by those who may read the calls, and summed up', async () => {
      const log = createSearchLog(root.db, silentLog);
      const { key } = await createKey(root, { name: 'k', scope: { servers: ['files'] } });
      log.record(entry({ hits: 0, found: [], query: 'nothing' }));
      log.record(entry({ called: 'files/read_file', calledRank: 1 }));
      log.record(entry({ called: 'files/read_file', calledRank: 4, keyId: key.id }));
      log.record(entry({ called: 'files/other', userId: user.actor.userId, actor: 'user' }));
      log.record(entry({ query: `token ghp_${'a'.repeat(36)} ${'\ud800'}\0 ${'x'.repeat(5_000)}` }));
      await log.flush();
      const all = await listSearches(manager);
      expect(all).toHaveLength(5);
      expect(all.map(({ outcome }) => outcome).sort()).toEqual(['found', 'found', 'missed', 'missed', 'none']);
      expect(await listSearches(root, { outcome: 'none' })).toMatchObject([{ query: 'nothing', found: [] }]);
      expect(await listSearches(root, { outcome: 'missed' })).toHaveLength(2);
      const long = all.find(({ query }) => query.startsWith('token'));
      expect([long?.query.includes('ghp_'), (long?.query.length ?? 0) <= 2_020]).toEqual([false, true]);
      expect(await listSearches(user)).toMatchObject([{ actor: 'user', called: 'files/other', outcome: 'missed' }]);
      const limited = {
        ...root,
        actor: { ...root.actor, kind: 'key' as const, id: key.id, keyScope: { servers: ['files'] } },
      };
      expect(await listSearches(limited)).toMatchObject([{ calledRank: 4 }]);
      const nobody = { ...user, actor: { ...user.actor, permissions: [] } };
      await expect(listSearches(nobody)).rejects.toMatchObject({ code: 'FORBIDDEN' });
      await expect(searchFigures(nobody)).rejects.toMatchObject({ code: 'FORBIDDEN' });
      expect(await searchFigures(manager)).toMatchObject({
        searches: 5,
        none: 1,
        missed: 2,
        found: 2,
        first: 1,
        firstFive: 2,
        costs: [],
      });
      expect(await searchFigures(user)).toMatchObject({ searches: 1, missed: 1, costs: null });
      await log.close();
    });

    it('is summed up by endpoint in tokens, also of several workers', async () => {
      const workers = [createSearchLog(root.db, silentLog), createSearchLog(root.db, silentLog)];
      for (const log of workers) {
        log.spend({ kind: 'list', endpoint: '/api/mcp/$smart', shownTokens: 600, fullTokens: 9_000 });
        log.spend({ kind: 'search', endpoint: '/api/mcp/$smart', shownTokens: 250, fullTokens: 0 });
      }
      await Promise.all(workers.map((log) => log.close()));
      expect((await searchFigures(root)).costs).toEqual([
        { endpoint: '/api/mcp/$smart', lists: 2, searches: 2, fullTokens: 18_000, shownTokens: 1_700 },
      ]);
    });

    it('goes with the records of calls when it is old', async () => {
      const log = createSearchLog(root.db, silentLog, { now: () => Date.now() - 40 * 86_400_000 });
      log.record(entry({ at: new Date(Date.now() - 31 * 86_400_000) }));
      log.record(entry({ query: 'recent' }));
      log.spend({ kind: 'list', endpoint: '/x', shownTokens: 1, fullTokens: 1 });
      await log.close();
      await sweep(root.db);
      expect(await root.db.select({ query: toolSearches.query }).from(toolSearches)).toEqual([{ query: 'recent' }]);
      expect(await root.db.select().from(searchCosts)).toEqual([]);
    });

    it('waits for a database that is away, and one row that it refuses does not hold up the others', async () => {
      const lost: number[] = [];
      const log = createSearchLog(root.db, silentLog, { maxRows: 4, onDropped: (rows) => void lost.push(rows) });
      log.record(entry({ query: 'one' }));
      log.record(entry({ query: 'bad', hits: 2 ** 40 }));
      log.record(entry({ query: 'two' }));
      log.record(entry({ query: 'three' }));
      log.record(entry({ query: 'over' }));
      await log.close();
      const stored = (await root.db.select().from(toolSearches)).map(({ query }) => query).sort();
      expect([stored, lost]).toEqual([
        ['one', 'three', 'two'],
        [1, 1],
      ]);
      expect(await root.db.select().from(toolSearches).where(eq(toolSearches.query, 'over'))).toEqual([]);
    });
  });
});
