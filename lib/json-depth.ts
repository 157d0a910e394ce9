// How deep JSON is nested. Asked before anything that recurses over what others wrote: their text must not be able to
// exhaust our stack.

/** Whether a value has more levels of objects and arrays than `max`. Uses no recursion, and ends at the first one found. */
export function isDeeperThan(value: unknown, max: number): boolean {
  let level = [value];
  for (let depth = 0; depth <= max; depth += 1) {
    const below: unknown[] = [];
    for (const each of level) {
      if (typeof each !== 'object' || each === null) continue;
      for (const member of Object.values(each)) if (typeof member === 'object' && member !== null) below.push(member);
    }
    if (below.length === 0) return false;
    level = below;
  }
  return true;
}
