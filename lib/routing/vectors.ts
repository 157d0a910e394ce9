// The stored vectors of tools: float32 bytes by the key of model and text, so that they outlive restarts, renamed rows and
// servers that come back.
import { and, eq, gte, inArray, lt, sql } from 'drizzle-orm';
import { toolEmbeddings } from '../../drizzle/schema';
import type { Db } from '../db/types';

export interface StoredKey {
  key: string;
  dimensions: number;
  storedAt: Date;
}

/** Those of a model, the oldest first. @param since leaves out what was stored before */
export async function storedKeys(db: Db, model: string, since = new Date(0)): Promise<StoredKey[]> {
  const { textHash, dimensions, updatedAt } = toolEmbeddings;
  return db
    .select({ key: textHash, dimensions, storedAt: updatedAt })
    .from(toolEmbeddings)
    .where(and(eq(toolEmbeddings.model, model), gte(updatedAt, since)))
    .orderBy(updatedAt);
}

/** By key; those that are not stored are left out. */
export async function readVectors(db: Db, keys: readonly string[]): Promise<Map<string, Float32Array>> {
  const rows = await db
    .select({ key: toolEmbeddings.textHash, bytes: toolEmbeddings.bytes })
    .from(toolEmbeddings)
    .where(inArray(toolEmbeddings.textHash, [...keys]));
  return new Map(rows.map(({ key, bytes }) => [key, fromBytes(bytes)]));
}

/** Once more for the same key replaces what was there. */
export async function saveVectors(db: Db, model: string, vectors: ReadonlyMap<string, Float32Array>): Promise<void> {
  if (vectors.size === 0) return;
  const rows = [...vectors].map(([textHash, vector]) => ({
    textHash,
    model,
    dimensions: vector.length,
    bytes: Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength),
  }));
  await db
    .insert(toolEmbeddings)
    .values(rows)
    .onConflictDoUpdate({
      target: toolEmbeddings.textHash,
      set: {
        dimensions: sql`excluded.dimensions`,
        bytes: sql`excluded.bytes`,
        updatedAt: sql`now()`,
        usedAt: sql`now()`,
      },
    });
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
