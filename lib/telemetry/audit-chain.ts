// The chain of the audit trail: each row's hash covers the row and the hash before it, so that a row which is altered,
// removed, swapped or slipped in later is found. The table `audit_head` holds the end of the chain; whoever appends
// locks it, which gives all rows one order. A chain without a secret shows that somebody changed rows, not who did, and
// who can write all of both tables can make a new chain: keep the head that a verification tells outside the database.
import { createHash } from 'node:crypto';
import { and, asc, eq, gt, lte, sql } from 'drizzle-orm';
import { auditHead, auditLogs } from '../../drizzle/schema';
import { canonicalJson } from '../canonical-json';
import type { Db, Tx } from '../db/types';
import type { AuditVerdict } from './schema';

type Row = typeof auditLogs.$inferSelect;
/** What a row records; its place in the chain is given when it is appended. */
export type Recorded = Omit<Row, 'id' | 'at' | 'hash'>;

/** Rows per insert: 14 parameters each, and the wire protocol counts them in 16 bits. */
const insertRows = 1_000;
const verifyRows = 1_000;

/**
 * SHA-256 (hex) over the hash before it ("" for the first), a line feed, and the row as JSON with sorted keys, as the
 * export has it but for `hash`.
 */
export function chainHash(previous: string, row: Omit<Row, 'hash'>): string {
  const text = canonicalJson(chainedPart(row));
  return createHash('sha256').update(`${previous}\n${text}`).digest('hex');
}

/** What of a row is in its hash. Named one by one: a column that is added later must not change the hashes of old rows. */
export function chainedPart(row: Omit<Row, 'hash'>) {
  return {
    id: String(row.id),
    at: row.at.toISOString(),
    actorKind: row.actorKind,
    actorId: row.actorId,
    actor: row.actor,
    address: row.address,
    action: row.action,
    resourceType: row.resourceType,
    resourceId: row.resourceId,
    resourceName: row.resourceName,
    before: row.before,
    after: row.after,
    requestId: row.requestId,
  };
}

/**
 * Appends rows to the chain. From here to the end of the transaction nobody else appends, so this comes last in it: a
 * lock that is taken afterwards could wait for somebody who waits here.
 */
export async function appendToChain(tx: Tx, recorded: readonly Recorded[]): Promise<void> {
  if (recorded.length === 0) return;
  const head = await lockHead(tx);
  const at = new Date();
  let { lastId: id, hash } = head;
  const rows = recorded.map((each) => {
    id += 1;
    const row = { id, at, ...each };
    hash = chainHash(hash, row);
    return { ...row, hash };
  });
  for (let start = 0; start < rows.length; start += insertRows) {
    await tx.insert(auditLogs).values(rows.slice(start, start + insertRows));
  }
  await tx.update(auditHead).set({ lastId: id, hash }).where(eq(auditHead.id, 1));
}

/** Ids are given here and not by the sequence, whose numbers are lost with a transaction that rolls back. */
async function lockHead(tx: Tx): Promise<{ lastId: number; hash: string }> {
  const locked = () =>
    tx
      .select({ lastId: auditHead.lastId, hash: auditHead.hash })
      .from(auditHead)
      .where(eq(auditHead.id, 1))
      .for('update');
  let [head] = await locked();
  if (!head) {
    // The first entry of all. Rows from before there was a chain keep their ids.
    const lastId = sql`(select coalesce(max(${auditLogs.id}), 0) from ${auditLogs})`;
    await tx.insert(auditHead).values({ id: 1, lastId }).onConflictDoNothing();
    [head] = await locked();
  }
  if (!head) throw new Error('the audit trail has no head');
  return head;
}

/**
 * Walks the whole chain, oldest first. Entries that are appended meanwhile are left to the next time.
 * @returns the first row that does not fit, if there is one
 */
export async function verifyChain(db: Db): Promise<AuditVerdict> {
  const head = await readHead(db);
  const walk = { rows: 0, unchained: 0, from: null as Date | null, to: null as Date | null };
  let previous: { id: number; hash: string } | undefined;
  const broken = (id: number, reason: 'altered' | 'missing' | 'foreign'): AuditVerdict => ({
    ok: false,
    ...shown(walk),
    head: head.hash || null,
    broken: { id: String(id), reason },
  });
  for await (const row of rowsUpTo(db, head.lastId)) {
    if (row.hash === null && !previous) {
      walk.unchained += 1;
      continue;
    }
    if (previous && row.id !== previous.id + 1) return broken(previous.id + 1, 'missing');
    if (row.hash !== chainHash(previous?.hash ?? '', row)) return broken(row.id, 'altered');
    previous = { id: row.id, hash: row.hash };
    walk.rows += 1;
    walk.from ??= row.at;
    walk.to = row.at;
  }
  if (head.firstBeyond !== null) return broken(head.firstBeyond, 'foreign');
  // The end, or the head that would tell it, was cut off.
  if (head.isThere ? head.hash !== '' && previous?.id !== head.lastId : previous) {
    return broken((previous?.id ?? head.lastId - 1) + 1, 'missing');
  }
  if (head.hash !== (previous?.hash ?? '')) return broken(head.lastId, 'altered');
  return { ok: true, ...shown(walk), head: head.hash || null };
}

function shown({ from, to, ...counts }: { rows: number; unchained: number; from: Date | null; to: Date | null }) {
  return { ...counts, from: from?.toISOString() ?? null, to: to?.toISOString() ?? null };
}

/** In one statement, because an entry and the head that names it are committed together. */
async function readHead(db: Db) {
  const [row] = await db.execute<{ lastId: string; hash: string; isThere: boolean; firstBeyond: string | null }>(sql`
    select coalesce(head.last_id, chain.last_id) as "lastId", coalesce(head.hash, '') as hash,
      head.id is not null as "isThere",
      (select min(id) from ${auditLogs} where id > coalesce(head.last_id, chain.last_id)) as "firstBeyond"
    from (select coalesce(max(id), 0) as last_id from ${auditLogs}) chain
    left join ${auditHead} head on head.id = 1`);
  const firstBeyond = row?.firstBeyond ?? null;
  return {
    lastId: Number(row?.lastId ?? 0),
    hash: row?.hash ?? '',
    isThere: row?.isThere ?? false,
    firstBeyond: firstBeyond === null ? null : Number(firstBeyond),
  };
}

async function* rowsUpTo(db: Db, lastId: number): AsyncGenerator<Row> {
  let after: number | undefined;
  for (;;) {
    const rows = await db
      .select()
      .from(auditLogs)
      .where(and(lte(auditLogs.id, lastId), after === undefined ? undefined : gt(auditLogs.id, after)))
      .orderBy(asc(auditLogs.id))
      .limit(verifyRows);
    yield* rows;
    after = rows.at(-1)?.id;
    if (rows.length < verifyRows) return;
  }
}
