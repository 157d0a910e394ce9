// The format of API keys: `mcphub_`, 256 random bits, and a checksum by which scanners for leaked secrets tell a real
// key from a look-alike. A key that an operator chose may have any form.
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';

const keyPrefix = 'mcphub_';
const checksumChars = 6;
const shownChars = 14;
/** Keys given by MCPHUB_BOOTSTRAP_API_KEY may have any form from 32 characters on. */
const keyMinChars = 32;
const keyMaxChars = 512;

export function newKeySecret(): string {
  const random = randomBytes(32).toString('base64url');
  return `${keyPrefix}${random}${checksumOf(random)}`;
}

/** False for what cannot be a key of this hub, without asking the database. */
export function looksLikeKey(token: string): boolean {
  return token.length >= keyMinChars && token.length <= keyMaxChars;
}

function checksumOf(random: string): string {
  return hash('sha256', random, 'base64url').slice(0, checksumChars);
}

/** The part of a key that lists show. */
export function shownPrefix(secret: string): string {
  return secret.slice(0, shownChars);
}

/** SHA-256 in hex. A key has 256 random bits, so a slow hash would add nothing. */
export function hashSecret(secret: string): string {
  return hash('sha256', secret, 'hex');
}

/** Compares two hashes in constant time. */
export function sameHash(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
