// Password hashes. Hashing costs 20 MB and some 70 ms each, so it goes through a short queue.
import { hash, type Options, verify } from '@node-rs/argon2';
import { HubError } from '../errors';
import { singleton } from '../singleton';

/** OWASP Password Storage Cheat Sheet: argon2id (2 in the library's enum), m = 19 MiB, t = 2, p = 1. */
const cost: Options = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const concurrentHashes = 2;
const queuedHashesMax = 64;

/** @returns a PHC string. @throws HubError LIMIT_EXCEEDED when too many hashes are waiting */
export function hashPassword(password: string): Promise<string> {
  return inQueue(() => hash(password, cost));
}

/**
 * True if `password` belongs to `passwordHash`. Without a hash (unknown user, account without a password) the same work
 * is done and the answer is false, so that timing does not tell which accounts exist.
 * @throws HubError LIMIT_EXCEEDED when too many hashes are waiting
 */
export async function verifyPassword(passwordHash: string | null, password: string): Promise<boolean> {
  const decoy = passwordHash ?? (await singleton('password-decoy', () => inQueue(() => hash('no such account', cost))));
  const matches = await inQueue(() => verify(decoy, password));
  return passwordHash !== null && matches;
}

interface HashQueue {
  running: number;
  waiting: (() => void)[];
}

async function inQueue<T>(work: () => Promise<T>): Promise<T> {
  const queue = singleton<HashQueue>('password-queue', () => ({ running: 0, waiting: [] }));
  if (queue.running >= concurrentHashes) {
    if (queue.waiting.length >= queuedHashesMax) {
      throw new HubError('LIMIT_EXCEEDED', undefined, { retryAfterMs: 2000, reason: 'password-queue' });
    }
    await new Promise<void>((resolve) => queue.waiting.push(resolve));
  } else queue.running += 1;
  try {
    return await work();
  } finally {
    // The place goes straight to the next in line; it is only given back when nobody waits.
    const next = queue.waiting.shift();
    if (next) next();
    else queue.running -= 1;
  }
}
