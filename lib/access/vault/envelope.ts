// The form of a sealed value, by the scheme of an envelope: the value under a random key of its own, that key under one
// of the vault's keys. AES-256-GCM for both (NIST SP 800-38D), random nonces of 96 bits.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Db, Tx } from '../../db/types';

/** Where a value is kept. It is bound to this place: moved to another row, column or name it opens no more. */
export interface Place {
  table: string;
  rowId: string;
  /** The column; for one value of a map with the name after a dot. */
  column: string;
}

/** The value, or null: sealed with a master key that is not this one, for another place, or damaged. */
export type OpenValue = (place: Place, sealed: string) => string | null;

/** Made in open.ts. */
export interface Opener {
  /** Reads the keys and gives what opens with them. */
  begin(db: Db | Tx): Promise<OpenValue>;
}

export interface Envelope {
  /** Id of the vault's key that wraps the value's own. */
  keyId: string;
  /** Nonce, key and tag. */
  wrapped: Buffer;
  iv: Buffer;
  text: Buffer;
  tag: Buffer;
}

const version = 'v1';
export const keyBytes = 32;
const ivBytes = 12;
const tagBytes = 16;

/** `v1.keyId.wrapped.iv.ciphertext.tag`, all but the first two in base64url. */
export function formatEnvelope({ keyId, wrapped, iv, text, tag }: Envelope): string {
  return [version, keyId, ...[wrapped, iv, text, tag].map((part) => part.toString('base64url'))].join('.');
}

/** Null for what is no envelope, or one of a later form. */
export function parseEnvelope(sealed: string): Envelope | null {
  const [form, keyId, ...parts] = sealed.split('.');
  const [wrapped, iv, text, tag] = parts.map((part) => Buffer.from(part, 'base64url'));
  if (form !== version || !keyId || !wrapped || !iv || !text || !tag || parts.length !== 4) return null;
  // Buffer.from skips foreign characters, and a changed one must not go unnoticed.
  const isWhole = parts.every((part, at) => [wrapped, iv, text, tag][at]?.toString('base64url') === part);
  return isWhole && iv.length === ivBytes && tag.length === tagBytes ? { keyId, wrapped, iv, text, tag } : null;
}

/** Empty for what is no envelope. */
export function keyIdOf(sealed: string): string {
  const [form, keyId = ''] = sealed.split('.', 2);
  return form === version ? keyId : '';
}

/** What the value is bound to. Its key is bound to the wrapping key besides, and so is rewrapped without the value. */
export function placeData({ table, rowId, column }: Place, keyId?: string): Buffer {
  return Buffer.from(JSON.stringify([table, rowId, column, ...(keyId === undefined ? [] : [keyId])]));
}

export function encrypt(key: Buffer, plain: Buffer, bound: Buffer): { iv: Buffer; text: Buffer; tag: Buffer } {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(bound);
  const text = Buffer.concat([cipher.update(plain), cipher.final()]);
  return { iv, text, tag: cipher.getAuthTag() };
}

/** Null when the key is another one, or a bit of anything was changed. */
export function decrypt(
  key: Buffer,
  { iv, text, tag }: Pick<Envelope, 'iv' | 'text' | 'tag'>,
  bound: Buffer,
): Buffer | null {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes })
      .setAAD(bound)
      .setAuthTag(tag);
    return Buffer.concat([decipher.update(text), decipher.final()]);
  } catch {
    return null;
  }
}

/** A key under another key: nonce, ciphertext and tag in one. */
export function wrapKey(by: Buffer, key: Buffer, bound: Buffer): Buffer {
  const { iv, text, tag } = encrypt(by, key, bound);
  return Buffer.concat([iv, text, tag]);
}

/** Null as `decrypt`. */
export function unwrapKey(by: Buffer, wrapped: Buffer, bound: Buffer): Buffer | null {
  if (wrapped.length !== ivBytes + keyBytes + tagBytes) return null;
  const [iv, text, tag] = [
    wrapped.subarray(0, ivBytes),
    wrapped.subarray(ivBytes, -tagBytes),
    wrapped.subarray(-tagBytes),
  ];
  return decrypt(by, { iv, text, tag }, bound);
}
