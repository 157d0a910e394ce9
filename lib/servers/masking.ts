// Values of `env`, `headers` and `secrets` are write-only: what leaves the hub is masked, and a masked value that comes back
// stands for the stored one. A reference is no secret and shown as it is.
import type { SealedValue, StoredValues } from '../../drizzle/schema';
import { shownReferences } from './expand';

/** Below this length even four characters would give too much away. */
const shownFromLength = 12;

/**
 * What may be seen of a value: `***` and its last 4 characters, `***` alone of one that is shorter than 12; of one with
 * references, see shownReferences. Beside a sealed value its mask is stored.
 */
export function maskValue(value: SealedValue | string): string {
  if (typeof value !== 'string') return value.mask;
  return shownReferences(value) ?? (value.length < shownFromLength ? '***' : `***${value.slice(-4)}`);
}

/** An empty value says that none was entered yet, and one that is shown whole is no secret: neither is sealed. */
export function staysText(value: string): boolean {
  return value === '' || (maskValue(value) === value && !isMasked(value));
}

/** As maskValues; a secret without a value is shown as such. */
export function maskSecrets(values: StoredValues): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, value && maskValue(value)]));
}

export function maskValues(values: StoredValues): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, maskValue(value)]));
}

/**
 * Text that the rules of settings treat as they would treat the value: it refers to the same secrets, and fits into a
 * header where the value does. Nobody can guess it, for it holds the value's mark.
 */
export function standIn(value: SealedValue | string): string {
  if (typeof value === 'string') return value;
  const references = (value.refs ?? []).map((name) => `\${${name}}`).join('');
  return `sealed ${value.mark}${references}${value.unfitForHeaders ? '\n' : ''}`;
}

export function standIns(stored: StoredValues): Record<string, string> {
  return Object.fromEntries(Object.entries(stored).map(([key, value]) => [key, standIn(value)]));
}

/**
 * Merges a patch (RFC 7396) into stored values: null removes an entry, a value equal to the mask of the stored one keeps
 * it, all others are set.
 * @returns with a stand-in for each stored value that is kept
 */
export function mergeValues(
  stored: StoredValues,
  patch: Record<string, string | null> | undefined,
): Record<string, string> {
  const merged = new Map(Object.entries(stored).map(([key, value]) => [key, standIn(value)]));
  for (const [key, value] of Object.entries(patch ?? {})) {
    const before = Object.hasOwn(stored, key) ? stored[key] : undefined;
    if (value === null) merged.delete(key);
    else if (before === undefined || value !== maskValue(before)) merged.set(key, value);
  }
  return Object.fromEntries(merged);
}

/** Does a value look like our mask? Nobody's secret does, and storing a mask would lose the secret silently. */
export function isMasked(value: string): boolean {
  return /^\*\*\*.{0,4}$/.test(value) || (value.includes('***') && shownReferences(value) === value);
}
