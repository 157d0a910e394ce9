// Names of tools and of their arguments: legal everywhere, at most 64 characters, and the same whenever the same document
// is read, whichever of its operations are chosen.
import { createHash } from 'node:crypto';

const maxChars = 64;
const hashChars = 8;

interface Named {
  operationId: string | null;
  method: string;
  path: string;
}

/** Tool names in the order of the operations. Those whose operationId is taken twice are named by method and path. */
export function toolNames(operations: readonly Named[]): string[] {
  const wished = operations.map(({ operationId }) => (operationId === null ? '' : legal(operationId)));
  const first = operations.map((each, at) =>
    wished[at] && isOnce(wished, wished[at]) ? wished[at] : legal(each.method.toLowerCase() + each.path),
  );
  // Names are told apart in any case of letters, as file systems and some clients do.
  return first.map((name, at) => {
    const { method, path } = operations[at] as Named;
    const isFree = isOnce(first, name) && name.length <= maxChars && name !== '';
    return isFree ? name : withHash(name, `${method} ${path}`);
  });
}

const counts = new WeakMap<readonly string[], Map<string, number>>();

function isOnce(names: readonly string[], name: string): boolean {
  let counted = counts.get(names);
  if (!counted) {
    counted = new Map();
    for (const each of names) counted.set(each.toLowerCase(), (counted.get(each.toLowerCase()) ?? 0) + 1);
    counts.set(names, counted);
  }
  return counted.get(name.toLowerCase()) === 1;
}

function legal(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9_-]+/g, '_')
    .replace(/^_+|_+$/g, '');
}

function withHash(name: string, identity: string): string {
  const hash = createHash('sha256').update(identity).digest('hex').slice(0, hashChars);
  return `${name.slice(0, maxChars - hashChars - 1) || 'operation'}_${hash}`;
}

/**
 * Names for arguments, since several places of a request may have a parameter of the same name and some names are not
 * legal as keys for every model. The first keeps its name, others say where they go.
 */
export function argumentNames(parameters: readonly { name: string; in: string }[], taken: readonly string[]): string[] {
  const used = new Set(taken);
  return parameters.map(({ name, in: place }) => {
    const plain = name.replace(/[^A-Za-z0-9_.-]+/g, '_').slice(0, maxChars) || place;
    const candidates = [plain, `${plain.slice(0, maxChars - 7)}_${place}`];
    for (let count = 2; ; count += 1) {
      const candidate = candidates.shift() ?? `${plain.slice(0, maxChars - 10)}_${place}_${count}`;
      if (used.has(candidate)) continue;
      used.add(candidate);
      return candidate;
    }
  });
}
