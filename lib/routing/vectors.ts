// The stored vectors of tools by the key of model and text, so that they outlive restarts, renamed rows and servers that
// come back. A vector is in one of two columns: `embedding` where the database has pgvector, else `bytes`. Which one it
// is concerns nobody outside of this file.
import { and, between, eq, gte, inArray, isNotNull, lt, or, type SQL, sql } from 'drizzle-orm';
import { toSql } from 'pgvector';
import { toolEmbeddings } from '../../drizzle/schema';
import { hasVectorColumn } from '../db';
import type { Db } from '../db/types';

export interface StoredKey {
  key: string;
  dimensions: number;
  storedAt: Date;
}

/** What pgvector's type takes; longer ones are kept as bytes everywhere. */
const dimensionMax = 16_000;

/** Those of a model, the oldest first. @param since leaves out what was stored before */
export async function storedKeys(db: Db, model: string, since = new Date(0)): Promise<StoredKey[]> {
  const { textHash, dimensions, updatedAt, bytes } = toolEmbeddings;
  // A row has neither where the extension was dropped with its column.
  const isThere = (await hasVectorColumn(db)) ? or(isNotNull(bytes), sql`embedding is not null`) : isNotNull(bytes);
  return db
    .select({ key: textHash, dimensions, storedAt: updatedAt })
    .from(toolEmbeddings)
    .where(and(eq(toolEmbeddings.model, model), gte(updatedAt, since), isThere))
    .orderBy(updatedAt);
}

/** By key; those that are not stored are left out. */
export async function readVectors(db: Db, keys: readonly string[]): Promise<Map<string, Float32Array>> {
  // Its text would cost this thread six times as much to read as its binary form.
  const sent: SQL<Buffer | null> = (await hasVectorColumn(db)) ? sql`vector_send(embedding)` : sql`null`;
  const rows = await db
    .select({ key: toolEmbeddings.textHash, bytes: toolEmbeddings.bytes, sent })
    .from(toolEmbeddings)
    .where(inArray(toolEmbeddings.textHash, [...keys]));
  const vectors = new Map<string, Float32Array>();
  for (const { key, bytes, sent } of rows) {
    if (sent) vectors.set(key, fromSent(sent));
    else if (bytes) vectors.set(key, fromBytes(bytes));
  }
  return vectors;
}

/** Once more for the same key replaces what was there. */
export async function saveVectors(db: Db, model: string, vectors: ReadonlyMap<string, Float32Array>): Promise<void> {
  const hasColumn = await hasVectorColumn(db);
  const rows = [...vectors].map(([key, vector]) => {
    const isVector = hasColumn && vector.length <= dimensionMax;
    const bytes = isVector ? null : Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
    const embedding = isVector ? toSql([...vector]) : null;
    return sql`(${key}, ${model}, ${vector.length}, ${bytes}${hasColumn ? sql`, ${embedding}` : sql``})`;
  });
  if (rows.length === 0) return;
  const [column, value] = hasColumn ? [sql`, embedding`, sql`, embedding = excluded.embedding`] : [sql``, sql``];
  await db.execute(sql`insert into ${toolEmbeddings} (text_hash, model, dimensions, bytes${column})
    values ${sql.join(rows, sql`, `)}
    on conflict (text_hash) do update set dimensions = excluded.dimensions, bytes = excluded.bytes${value},
      updated_at = now(), used_at = now()`);
}

/** As many as do not hold up others on the embedded database. */
const portion = 32;

/**
 * Where the database has pgvector by now: brings some of those that are stored as bytes into its column.
 * @returns how many; 0 when there are no more
 */
export async function moveVectors(db: Db): Promise<number> {
  if (!(await hasVectorColumn(db))) return 0;
  const { textHash, bytes, dimensions } = toolEmbeddings;
  const rows = await db
    .select({ key: textHash, bytes })
    .from(toolEmbeddings)
    .where(and(isNotNull(bytes), between(dimensions, 1, dimensionMax)))
    .limit(portion);
  if (rows.length === 0) return 0;
  const values = rows.map(({ key, bytes }) => sql`(${key}, ${toSql([...fromBytes(bytes as Buffer)])})`);
  // Neither stored nor used anew: the times stay.
  const moved = await db.execute(sql`update ${toolEmbeddings} set embedding = given.vector::vector, bytes = null
    from (values ${sql.join(values, sql`, `)}) as given (key, vector)
    where text_hash = given.key and bytes is not null returning text_hash`);
  return moved.length;
}

const dayMs = 86_400_000;
const keptDays = 30;

/** Notes which vectors are in use, and deletes those of any model that were in use 30 days ago for the last time. */
export async function keepVectors(db: Db, keys: readonly string[], now = new Date()): Promise<number> {
  const { textHash, usedAt } = toolEmbeddings;
  for (let at = 0; at < keys.length; at += 1000) {
    await db
      .update(toolEmbeddings)
      .set({ usedAt: now, updatedAt: sql`${toolEmbeddings.updatedAt}` })
      .where(and(inArray(textHash, keys.slice(at, at + 1000)), lt(usedAt, new Date(now.getTime() - dayMs))));
  }
  const old = lt(usedAt, new Date(now.getTime() - keptDays * dayMs));
  return (await db.delete(toolEmbeddings).where(old).returning({ key: textHash })).length;
}

/** The driver gives slices of larger buffers, at any offset. */
function fromBytes(bytes: Buffer): Float32Array {
  return new Float32Array(new Uint8Array(bytes).buffer);
}

/** Two numbers of two bytes, then float32, big-endian. */
function fromSent(sent: Buffer): Float32Array {
  return fromBytes(Buffer.from(sent.subarray(4)).swap32());
}
