// How many of the calls at once that a limit allows a worker may run by itself. All numbers are calls.

export interface Claim {
  places: number;
  wanted: number;
}

interface Own {
  /** Places until now. */
  had: number;
  /** Of them in use: nobody can take these back. */
  used: number;
  /** Those in use, and the calls that wait. */
  need: number;
}

/**
 * The new places of a worker. While no other is short of places a worker gets half of what is free beyond its need, so that
 * it seldom asks and others find something. While one has less than its fair part, it gets its need up to its own.
 */
export function dealt(most: number, { had, used, need }: Own, others: readonly Claim[]): number {
  const free = Math.max(0, most - others.reduce((sum, { places }) => sum + places, 0));
  if (!others.some(isShort)) return Math.max(used, free <= need ? free : need + Math.ceil((free - need) / 2));
  if (!isOwed(most, need, others)) return Math.max(used, Math.min(need, free));
  const fair = fairPart(most, need, others);
  // With fewer places than workers who want one, a place goes from hand to hand.
  const part = fair > 0 ? fair : had > 0 ? 0 : 1;
  return Math.max(used, Math.min(need, part, free));
}

/** Whether another has too few, and less than its fair part. */
export function isOwed(most: number, need: number, others: readonly Claim[]): boolean {
  const fair = Math.max(1, fairPart(most, need, others));
  return others.some((other) => isShort(other) && other.places < fair);
}

/** What each of those who want places has a right to; 0 with fewer places than them. */
export function fairPart(most: number, need: number, others: readonly Claim[]): number {
  const claims = others.filter(({ wanted }) => wanted > 0).length + (need > 0 ? 1 : 0);
  return Math.floor(most / Math.max(1, claims));
}

function isShort({ places, wanted }: Claim): boolean {
  return wanted > places;
}
