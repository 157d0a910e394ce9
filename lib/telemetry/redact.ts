// Removes secrets from what is stored or shown: those of a server that are known by their value, and from the arguments
// of a call, whose size is bounded, also those that show by the name of a field or by the look of a value.
import { LRUCache } from 'lru-cache';
import { singleton } from '../singleton';

export const redacted = '[redacted]';

const secretName =
  /passw(or)?d|passphrase|secret|token|authori[sz]ation|api[-_]?key|access[-_]?key|private[-_]?key|cookie|credential|bearer|^auth$|^pin$/i;
/** Names that only look like one: counts and cursors. */
const harmlessName =
  /^(max|min|num|total|prompt|completion|input|output)?_?(tokens|tokencount|token_count)$|page_?token/i;

/** Secrets inside longer text, by their own shape. */
const secretShapes: readonly RegExp[] = [
  /\bmcphub_[A-Za-z0-9_-]{8,}/g,
  /\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|sk-|sk_live_|rk_live_|npm_|hf_|AIza|AKIA|ya29\.)[A-Za-z0-9._-]{10,}/g,
  /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
];
/** How one of them begins. */
const secretStart = /mcphub_|gh[pousr]_|github_pat_|glpat-|xox|sk-|sk_|rk_|npm_|hf_|AIza|AKIA|ya29|eyJ|-----BEGIN/;
const bearer = /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi;
const assignment =
  /\b([\w-]*(?:passw(?:or)?d|secret|token|api[-_]?key|access[-_]?key))(["']?\s*[=:]\s*["']?)(?!\s)[^\s"'&,;}]{3,}/gi;
const urlPassword = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*):[^\s/@]+@/gi;
const longWord = /[A-Za-z0-9+_-]{24,}={0,2}/g;

/** What every secret that we know has: a sign between name and value, a space after its kind, or one long word. */
const suspicious = /[:=]|(?:bearer|basic)\s|-----BEGIN|[A-Za-z0-9+_.-]{12}/i;

/** By id of the server: a pattern of all of its secrets. */
const knownSecrets = () => singleton('telemetry.known-secrets', () => new Map<string, RegExp>());

/** Notes the values that are hidden in what concerns each server, in place of those that were known before. */
export function knowSecrets(servers: readonly { id: string; secretValues: readonly string[] }[]): void {
  const known = knownSecrets();
  known.clear();
  for (const { id, secretValues } of servers) {
    if (secretValues.length === 0) continue;
    // A secret that holds another one is hidden whole.
    const longestFirst = secretValues.toSorted((one, other) => other.length - one.length);
    known.set(id, new RegExp(longestFirst.map(literally).join('|'), 'g'));
  }
}

function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Takes the known secrets of a server out of a text that it, or its connection, has to do with. */
export function hideSecrets(serverId: string, text: string): string {
  const pattern = knownSecrets().get(serverId);
  return pattern ? text.replace(pattern, redacted) : text;
}

/** Takes secrets out of one text. */
export function redactText(text: string): string {
  if (!suspicious.test(text)) return text;
  let clean = text;
  // Each of the long patterns is asked only where a sign that it needs is there.
  if (clean.includes(' ')) clean = clean.replace(bearer, `$1 ${redacted}`);
  if (clean.includes('://')) clean = clean.replace(urlPassword, `$1:${redacted}@`);
  if (secretStart.test(clean)) for (const shape of secretShapes) clean = clean.replace(shape, redacted);
  if (/[:=]/.test(clean)) {
    clean = clean.replace(assignment, (_whole, name: string, sign: string) => `${name}${sign}${redacted}`);
  }
  return clean.replace(longWord, (word) => (looksRandom(word) ? redacted : word));
}

/**
 * Long words that nobody would type: letters and digits mixed in one run of 20 or more. Identifiers in kebab or snake
 * case and UUIDs have shorter runs.
 */
function looksRandom(word: string): boolean {
  let run = '';
  for (let start = 0; start < word.length; ) {
    let end = start;
    while (end < word.length && word[end] !== '-' && word[end] !== '_') end++;
    if (end - start > run.length) run = word.slice(start, end);
    start = end + 1;
  }
  let digits = 0;
  for (let at = 0; at < run.length; at++) if (run.charCodeAt(at) >= 0x30 && run.charCodeAt(at) <= 0x39) digits++;
  if (digits < 2 || digits === run.length) return false;
  return run.length >= 20 || (word.length >= 40 && run.length >= 13 && /[a-z]/.test(run) && /[A-Z]/.test(run));
}

/** Deeper values are left out. */
const maxDepth = 8;
const maxTextLength = 1_000;

/** No character takes more in JSON than an escape such as "\u0001". */
const bytesPerChar = 6;

/**
 * A copy of `value` that may be stored: secrets replaced, characters that Postgres refuses replaced, long texts and
 * large structures cut so that its JSON stays near `maxBytes`.
 * @param serverId whose known secrets are hidden, too
 */
export function redactArguments(value: unknown, maxBytes = 4_096, serverId?: string | null): unknown {
  const known = serverId ? knownSecrets().get(serverId) : undefined;
  const budget: Budget = known ? { left: maxBytes, known } : { left: maxBytes };
  const copy = redactValue(value, budget, 0);
  if ((maxBytes - budget.left) * bytesPerChar <= maxBytes) return copy;
  const json = JSON.stringify(copy ?? null);
  return Buffer.byteLength(json) <= maxBytes ? copy : { truncated: storable(json.slice(0, maxBytes / 4)) };
}

interface Budget {
  left: number;
  known?: RegExp;
}

function redactValue(value: unknown, budget: Budget, depth: number): unknown {
  if (typeof value === 'string') {
    const length = Math.min(maxTextLength, Math.max(0, budget.left));
    // Looked at with some more text than is kept, so that a secret at the cut is seen whole.
    const seen = value.slice(0, length + 200);
    const text = budget.known ? seen.replace(budget.known, redacted) : seen;
    const clean = storable(redactText(text)).slice(0, length);
    budget.left -= clean.length + 3;
    return value.length > length ? `${clean}… (${value.length} characters)` : clean;
  }
  budget.left -= 8;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= maxDepth) return '…';
  if (Array.isArray(value)) {
    const kept: unknown[] = [];
    for (const inner of value) {
      if (budget.left <= 0) {
        kept.push(`… (${value.length} items)`);
        break;
      }
      kept.push(redactValue(inner, budget, depth + 1));
    }
    return kept;
  }
  return redactObject(value, budget, depth);
}

function redactObject(value: object, budget: Budget, depth: number): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    if (budget.left <= 0) {
      kept['…'] = 'cut';
      break;
    }
    const { shown, isSecret } = judge(name);
    budget.left -= shown.length + 4;
    const inner = (value as Record<string, unknown>)[name];
    const hides = isSecret && inner !== null && typeof inner !== 'boolean';
    const clean = hides ? redacted : redactValue(inner, budget, depth + 1);
    // Set as any other name, "__proto__" would be no field.
    if (shown === '__proto__') Object.defineProperty(kept, shown, { value: clean, enumerable: true });
    else kept[shown] = clean;
  }
  return kept;
}

interface FieldName {
  shown: string;
  isSecret: boolean;
}

/** Tools have few field names, and each is judged by several patterns. */
const judged = new LRUCache<string, FieldName>({ max: 2_000 });
const judgedMaxLength = 64;

function judge(name: string): FieldName {
  const known = judged.get(name);
  if (known) return known;
  const shown = storable(redactText(name.slice(0, 128)));
  const verdict = { shown, isSecret: secretName.test(name) && !harmlessName.test(name) };
  if (name.length <= judgedMaxLength) judged.set(name, verdict);
  return verdict;
}

const unstorable = /\0|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;

const mayBeUnstorable = /[\0\uD800-\uDFFF]/;

/** Postgres stores neither NUL nor half a surrogate pair. */
export function storable(text: string): string {
  return mayBeUnstorable.test(text) ? text.replace(unstorable, '\uFFFD') : text;
}
