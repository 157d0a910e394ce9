// The test set: requests of which somebody knows the right tool. It names tools of all servers, so reading it takes the
// right to read all tools; changing it is a setting.
import { createHash } from 'node:crypto';
import { asc, eq, inArray, sql } from 'drizzle-orm';
import { searchCases, servers, tools } from '../../drizzle/schema';
import { can } from '../access/can';
import type { Ctx } from '../access/context';
import { isUuid } from '../access/keys';
import type { Db, Tx } from '../db/types';
import { HubError } from '../errors';
import { parseInput } from '../input';
import { writeAudit } from '../telemetry/audit';
import { checkVersion, type VersionCheck } from '../telemetry/versions';
import {
  type CaseImport,
  type CaseImportAnswer,
  caseImportSchema,
  casesMax,
  type PlannedCase,
  type SearchCaseInput,
  type SearchCasePatch,
  type SearchCaseView,
  searchCaseInputSchema,
  searchCasePatchSchema,
} from './schema';
import { type ReadCase, readCases } from './text';

export type CaseRow = typeof searchCases.$inferSelect;
type Values = Pick<CaseRow, 'query' | 'expected' | 'group' | 'note'>;

/** Whoever reads the test set. @throws HubError FORBIDDEN */
export function requireReader({ actor }: Ctx): void {
  if (can(actor, 'read', { type: 'tool' })) return;
  throw new HubError('FORBIDDEN', 'The test set of the search is shown to those who may see all tools.');
}

/** Whoever changes it or measures with it. @throws HubError FORBIDDEN */
export function requireWriter(ctx: Ctx): void {
  requireReader(ctx);
  if (can(ctx.actor, 'update', { type: 'setting' })) return;
  throw new HubError('FORBIDDEN', 'The test set of the search is changed and run by those who may change settings.');
}

/** All entries, oldest first. @throws HubError FORBIDDEN */
export async function listCases(ctx: Ctx): Promise<SearchCaseView[]> {
  requireReader(ctx);
  const [rows, known] = await Promise.all([readRows(ctx.db), knownTools(ctx.db)]);
  return rows.map((row) => viewOf(row, known));
}

/** @throws HubError FORBIDDEN, NOT_FOUND */
export async function getCase(ctx: Ctx, id: string): Promise<SearchCaseView> {
  requireReader(ctx);
  const [row] = isUuid(id) ? await ctx.db.select().from(searchCases).where(eq(searchCases.id, id)) : [];
  if (!row) throw notFound();
  return viewOf(row, await knownTools(ctx.db));
}

/** @throws HubError FORBIDDEN, INVALID_INPUT, CONFLICT where the request is there already */
export async function createCase(ctx: Ctx, input: SearchCaseInput): Promise<SearchCaseView> {
  requireWriter(ctx);
  const { expected, group = null, note = '', query } = parseInput(searchCaseInputSchema, input);
  const values: Values = { query, expected: unique(expected), group, note };
  const row = await ctx.db.transaction(async (tx) => {
    await lockSet(tx);
    await requireSpace(tx, 1);
    const hash = hashOf(values);
    await requireNew(tx, hash);
    const created = { ...values, hash, createdBy: ctx.actor.userId };
    const [written] = await tx.insert(searchCases).values(created).returning();
    if (!written) throw new HubError('INTERNAL', undefined, { detail: 'insert of a case returned no row' });
    await writeAudit(tx, ctx, { action: 'search-case.created', ...auditName(written), after: values });
    return written;
  });
  return viewOf(row, await knownTools(ctx.db));
}

/** @throws HubError FORBIDDEN, NOT_FOUND, INVALID_INPUT, CONFLICT, STALE_VERSION */
export async function updateCase(
  ctx: Ctx,
  id: string,
  patch: SearchCasePatch,
  check: VersionCheck = {},
): Promise<SearchCaseView> {
  requireWriter(ctx);
  const changes = parseInput(searchCasePatchSchema, patch);
  const row = await ctx.db.transaction(async (tx) => {
    await lockSet(tx);
    const before = await lockedRow(tx, id, check);
    const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
    const values: Values = { ...valuesOf(before), ...given };
    values.expected = unique(values.expected);
    const hash = hashOf(values);
    if (hash !== before.hash) await requireNew(tx, hash);
    const [written] = await tx
      .update(searchCases)
      .set({ ...values, hash, version: sql`${searchCases.version} + 1` })
      .where(eq(searchCases.id, before.id))
      .returning();
    if (!written) throw notFound();
    const after = valuesOf(written);
    await writeAudit(tx, ctx, {
      action: 'search-case.updated',
      ...auditName(written),
      before: valuesOf(before),
      after,
    });
    return written;
  });
  return viewOf(row, await knownTools(ctx.db));
}

/** @throws HubError FORBIDDEN, NOT_FOUND, STALE_VERSION */
export async function deleteCase(ctx: Ctx, id: string, check: VersionCheck = {}): Promise<void> {
  requireWriter(ctx);
  await ctx.db.transaction(async (tx) => {
    const row = await lockedRow(tx, id, check);
    await tx.delete(searchCases).where(eq(searchCases.id, row.id));
    await writeAudit(tx, ctx, { action: 'search-case.deleted', ...auditName(row), before: valuesOf(row) });
  });
}

const shownEntries = 200;
/** 7 parameters a row; the wire protocol counts them in 16 bits. */
const rowsAtOnce = 500;

/**
 * Adds the entries of a text to the set; a request that is there already gets the tools and the note of the text. All of
 * it or nothing. Doing it twice changes nothing.
 * @throws HubError FORBIDDEN, INVALID_INPUT for a text with faults (without dryRun), and beyond 2,000 entries
 */
export async function importCases(ctx: Ctx, input: CaseImport): Promise<CaseImportAnswer> {
  requireWriter(ctx);
  const { text, dryRun } = parseInput(caseImportSchema, input);
  const { cases, faults } = readCases(text);
  if (faults.length > 0 && !dryRun) {
    const [first] = faults;
    throw new HubError('INVALID_INPUT', `Line ${first?.line} is no entry: ${first?.detail}. Nothing was imported.`, {
      faults: faults.slice(0, 20).map(({ line, detail }) => ({ pointer: '/text', detail: `line ${line}: ${detail}` })),
    });
  }
  const known = await knownTools(ctx.db);
  if (dryRun) return answerOf(planOf(cases, await readRows(ctx.db), known), faults, true);
  return ctx.db.transaction(async (tx) => {
    await lockSet(tx);
    const planned = planOf(cases, await readRows(tx), known);
    const writes = planned.filter(({ plan }) => plan !== 'same');
    const answer = answerOf(planned, faults, false);
    if (writes.length === 0) return answer;
    await requireSpace(tx, answer.added);
    // In the order of the text.
    const firstMs = Date.now() - writes.length;
    const rows = writes.map(({ values, hash }, index) => ({
      ...values,
      hash,
      createdBy: ctx.actor.userId,
      createdAt: new Date(firstMs + index),
    }));
    for (let at = 0; at < rows.length; at += rowsAtOnce) {
      await tx
        .insert(searchCases)
        .values(rows.slice(at, at + rowsAtOnce))
        .onConflictDoUpdate({
          target: searchCases.hash,
          set: {
            expected: sql`excluded.expected`,
            note: sql`excluded.note`,
            updatedAt: new Date(),
            version: sql`${searchCases.version} + 1`,
          },
        });
    }
    await writeAudit(tx, ctx, {
      action: 'search-case.imported',
      resourceType: 'search-case',
      after: { added: answer.added, changed: answer.changed },
    });
    return answer;
  });
}

interface Planned extends PlannedCase {
  values: Values;
  hash: string;
}

function planOf(cases: readonly ReadCase[], rows: readonly CaseRow[], known: KnownTools): Planned[] {
  const byHash = new Map<string, Values>(rows.map((row) => [row.hash, row]));
  return cases.map(({ line, ...read }) => {
    const values = { ...read, expected: unique(read.expected) };
    const hash = hashOf(values);
    const before = byHash.get(hash);
    byHash.set(hash, values);
    const isSame = before && before.note === values.note && before.expected.join('\n') === values.expected.join('\n');
    const plan = before ? (isSame ? 'same' : 'changed') : 'new';
    const { query, expected } = values;
    return { line, query, expected, missing: missingOf(expected, known), plan, values, hash };
  });
}

function answerOf(planned: readonly Planned[], faults: CaseImportAnswer['faults'], isShown: boolean): CaseImportAnswer {
  const count = (plan: PlannedCase['plan']) => planned.filter((each) => each.plan === plan).length;
  return {
    added: count('new'),
    changed: count('changed'),
    same: count('same'),
    unmatched: planned.filter(({ expected, missing }) => missing.length === expected.length).length,
    faults: faults.slice(0, shownEntries),
    // What matches no tool first: that is what a preview is for.
    entries: isShown
      ? planned
          .filter(({ plan }) => plan !== 'same')
          .sort((a, b) => Number(b.missing.length > 0) - Number(a.missing.length > 0))
          .slice(0, shownEntries)
          .map(({ values: _values, hash: _hash, ...shown }) => shown)
      : [],
  };
}

export function readRows(db: Db | Tx): Promise<CaseRow[]> {
  return db.select().from(searchCases).orderBy(asc(searchCases.createdAt), asc(searchCases.id)).limit(casesMax);
}

/** Of the names that people write: servers have one whatever the case, tools not. */
type KnownTools = ReadonlySet<string>;

async function knownTools(db: Db): Promise<KnownTools> {
  const rows = await db
    .select({ server: servers.name, tool: tools.name })
    .from(tools)
    .innerJoin(servers, eq(servers.id, tools.serverId));
  return new Set(rows.map(({ server, tool }) => `${server.toLowerCase()}/${tool}`));
}

/** `server/tool` as it is compared. */
export function comparable(ref: string): string {
  const slash = ref.indexOf('/');
  return ref.slice(0, slash).toLowerCase() + ref.slice(slash);
}

function missingOf(expected: readonly string[], known: KnownTools): string[] {
  return expected.filter((ref) => !known.has(comparable(ref)));
}

/** Two who change the set at once are let in one after the other, so that its bounds hold. */
async function lockSet(tx: Tx): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtext('search_cases'))`);
}

async function requireSpace(tx: Tx, added: number): Promise<void> {
  const [{ count } = { count: 0 }] = await tx.select({ count: sql<number>`count(*)::int` }).from(searchCases);
  if (count + added <= casesMax) return;
  const more = `${count} are there, and ${added} more were to be added.`;
  throw new HubError('INVALID_INPUT', `A test set holds at most ${casesMax} entries: ${more}`);
}

async function requireNew(tx: Tx, hash: string): Promise<void> {
  const [same] = await tx
    .select({ id: searchCases.id })
    .from(searchCases)
    .where(inArray(searchCases.hash, [hash]));
  if (!same) return;
  throw new HubError('CONFLICT', 'This request is in the test set already: change that entry.', {
    faults: [{ pointer: '/query', detail: 'is in the test set already' }],
  });
}

async function lockedRow(tx: Tx, id: string, check: VersionCheck): Promise<CaseRow> {
  const [row] = isUuid(id) ? await tx.select().from(searchCases).where(eq(searchCases.id, id)).for('update') : [];
  if (!row) throw notFound();
  await checkVersion(tx, { id: row.id, name: beginning(row.query), version: row.version }, check);
  return row;
}

function notFound(): HubError {
  return new HubError('NOT_FOUND', 'There is no such entry in the test set.');
}

function auditName({ id, query }: CaseRow) {
  return { resourceType: 'search-case', resourceId: id, resourceName: beginning(query) };
}

export function beginning(query: string): string {
  return query.length <= 120 ? query : `${query.slice(0, 119)}…`;
}

function unique(expected: readonly string[]): string[] {
  return [...new Map(expected.map((ref) => [comparable(ref), ref])).values()];
}

function valuesOf({ query, expected, group, note }: CaseRow): Values {
  return { query, expected, group, note };
}

function hashOf({ query, group }: Pick<Values, 'query' | 'group'>): string {
  return createHash('sha256')
    .update(JSON.stringify([query, group?.toLowerCase() ?? null]))
    .digest('hex');
}

function viewOf(row: CaseRow, known: KnownTools): SearchCaseView {
  return {
    id: row.id,
    ...valuesOf(row),
    missing: missingOf(row.expected, known),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    version: row.version,
  };
}
