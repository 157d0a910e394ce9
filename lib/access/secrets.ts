// The format of API keys: `mcphub_`, 256 random bits in base62, and a CRC-32 of them in base62, by which scanners for
// leaked secrets tell a real key from a look-alike without asking the hub. A key that an operator chose may have any form.
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

const keyPrefix = 'mcphub_';
const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** The fewest that hold 256 bits. */
const randomChars = 43;
/** The fewest that hold 32 bits. */
const checksumChars = 6;
const shownChars = 14;
/** Keys given by MCPHUB_BOOTSTRAP_API_KEY may have any form from 32 characters on. */
const keyMinChars = 32;
const keyMaxChars = 512;

export function newKeySecret(): string {
  const random = inBase62(BigInt(`0x${randomBytes(32).toString('hex')}`), randomChars);
  return `${keyPrefix}${random}${checksumOf(random)}`;
}

/**
 * False for what cannot be a key of this hub, without asking the database: too short, too long, or with our prefix but
 * not our checksum.
 */
export function looksLikeKey(token: string): boolean {
  if (token.length < keyMinChars || token.length > keyMaxChars) return false;
  return !token.startsWith(keyPrefix) || hasChecksum(token);
}

function hasChecksum(token: string): boolean {
  if (token.length !== keyPrefix.length + randomChars + checksumChars) return false;
  const random = token.slice(keyPrefix.length, -checksumChars);
  const checksum = token.slice(-checksumChars);
  return checksum === checksumOf(random) || checksum === formerChecksumOf(random);
}

function checksumOf(random: string): string {
  return inBase62(BigInt(crc32(random)), checksumChars);
}

/** Keys of earlier versions are base64url and end with the beginning of a SHA-256. */
function formerChecksumOf(random: string): string {
  return hash('sha256', random, 'base64url').slice(0, checksumChars);
}

function inBase62(value: bigint, chars: number): string {
  let text = '';
  for (let rest = value; text.length < chars; rest /= 62n) text = base62.charAt(Number(rest % 62n)) + text;
  return text;
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

/** Compares two secrets in a time that tells their length only; makes nothing on the heap. */
export function sameSecret(one: string, other: string): boolean {
  if (one.length !== other.length) return false;
  let difference = 0;
  for (let at = 0; at < one.length; at++) difference |= one.charCodeAt(at) ^ other.charCodeAt(at);
  return difference === 0;
}
