// Finds misspelt settings: a name that begins like ours and is none of ours changes nothing, silently, unless told.
import { envSchema, fileSettings } from '../../lib/env';

const known = [...Object.keys(envSchema.shape), ...fileSettings.map((key) => `${key}_FILE`)];

/** Names of ours that are no settings: the test run's, and the marks that the supervisor puts on its servers. */
const others = /^MCPHUB_(TEST_|INSTANCE)/;

/** @returns a sentence for each unknown MCPHUB_* name, with the nearest known one where there is one */
export function unknownSettings(names: string[]): string[] {
  return names
    .filter((name) => name.startsWith('MCPHUB_') && !known.includes(name) && !others.test(name))
    .map((name) => {
      const nearest = known.toSorted((a, b) => distance(name, a) - distance(name, b))[0];
      const isNear = nearest !== undefined && distance(name, nearest) <= 3;
      return `${name} is no setting and has no effect${isNear ? `: did you mean ${nearest}?` : '.'}`;
    });
}

/** Levenshtein: the least number of inserted, removed or replaced characters. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current[column] = Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1);
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
