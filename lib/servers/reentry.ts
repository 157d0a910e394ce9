// Which stored values cannot be opened with the master key that the hub has, as far as that shows without opening them.
import type { SealedValue } from '../../drizzle/schema';
import type { Ctx } from '../access/context';
import type { ServerRow } from './rows';
import { mapSecrets } from './stored';

/** By server id, as "env.NAME"; servers that need nothing are left out. */
export async function findReentries(ctx: Ctx, rows: ServerRow[]): Promise<Map<string, string[]>> {
  const sealed = rows.map((row) => ({ id: row.id, values: sealedOf(row) }));
  const lost = await ctx.vault.findLost(
    ctx.db,
    sealed.flatMap(({ values }) => values.map((each) => each.sealed)),
  );
  if (lost.size === 0) return new Map();
  const named = sealed.map(({ id, values }): [string, string[]] => [
    id,
    values.filter((each) => lost.has(each.sealed)).map(({ name }) => name),
  ]);
  return new Map(named.filter(([, names]) => names.length > 0));
}

function sealedOf(row: ServerRow): { name: string; sealed: string }[] {
  const values: { name: string; sealed: string }[] = [];
  mapSecrets<SealedValue | string, null, ServerRow>(row, (value, column, name) => {
    if (typeof value === 'object') values.push({ name: `${column}.${name}`, sealed: value.sealed });
    return null;
  });
  return values;
}
