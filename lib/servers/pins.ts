// The definition of each tool as it was first seen or last approved. A server that changes a tool after somebody came to
// trust it is noticed by this, and by the server's setting its changed tools are kept from callers.
import { eq, inArray, sql } from 'drizzle-orm';
import { toolPins } from '../../drizzle/schema';
import type { Db, Tx } from '../db/types';

/** Hash of each pinned tool of a server, by name. */
export async function readPins(db: Db | Tx, serverId: string): Promise<Map<string, string>> {
  const rows = await db
    .select({ name: toolPins.name, hash: toolPins.definitionHash })
    .from(toolPins)
    .where(eq(toolPins.serverId, serverId));
  return new Map(rows.map(({ name, hash }) => [name, hash]));
}

/** By server; one whose tools were never seen has an empty record. */
export async function readPinsOf(db: Db, serverIds: string[]): Promise<Map<string, Record<string, string>>> {
  const pins = new Map<string, Record<string, string>>(serverIds.map((id) => [id, {}]));
  if (serverIds.length === 0) return pins;
  const rows = await db
    .select({ serverId: toolPins.serverId, name: toolPins.name, hash: toolPins.definitionHash })
    .from(toolPins)
    .where(inArray(toolPins.serverId, serverIds));
  for (const { serverId, name, hash } of rows) (pins.get(serverId) ?? {})[name] = hash;
  return pins;
}

/** 4 parameters a row; the wire protocol counts them in 16 bits. */
const rowsAtOnce = 2000;

/** Pins definitions as they are now. */
export async function writePins(tx: Tx, pins: (typeof toolPins.$inferInsert)[]): Promise<void> {
  for (let start = 0; start < pins.length; start += rowsAtOnce) {
    await tx
      .insert(toolPins)
      .values(pins.slice(start, start + rowsAtOnce))
      .onConflictDoUpdate({
        target: [toolPins.serverId, toolPins.name],
        set: {
          definition: sql`excluded.definition`,
          definitionHash: sql`excluded.definition_hash`,
          pinnedAt: sql`now()`,
        },
      });
  }
}
