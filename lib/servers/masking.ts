// Values of `env`, `headers` and `secrets` are write-only: what leaves the hub is masked, and a masked value that comes back
// stands for the stored one. A reference is no secret and shown as it is.
import { shownReferences } from './expand';

/** Below this length even four characters would give too much away. */
const shownFromLength = 12;

/** `***` and the last 4 characters; values shorter than 12 characters become `***`. Of one with references, see shownReferences. */
export function maskValue(value: string): string {
  const shown = shownReferences(value);
  if (shown !== null) return shown;
  return value.length < shownFromLength ? '***' : `***${value.slice(-4)}`;
}

/** As maskValues; a secret without a value is shown as such. */
export function maskSecrets(values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, value && maskValue(value)]));
}

export function maskValues(values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, maskValue(value)]));
}

/**
 * Merges a patch (RFC 7396) into stored values: null removes an entry, a value equal to the mask of the stored one keeps
 * it, all others are set.
 */
export function mergeValues(
  stored: Record<string, string>,
  patch: Record<string, string | null> | undefined,
): Record<string, string> {
  const merged = new Map(Object.entries(stored));
  for (const [key, value] of Object.entries(patch ?? {})) {
    const before = merged.get(key);
    if (value === null) merged.delete(key);
    else if (before === undefined || value !== maskValue(before)) merged.set(key, value);
  }
  return Object.fromEntries(merged);
}

/** Does a value look like our mask? Nobody's secret does, and storing a mask would lose the secret silently. */
export function isMasked(value: string): boolean {
  return /^\*\*\*.{0,4}$/.test(value) || (value.includes('***') && shownReferences(value) === value);
}
