// The master key and what is derived from it. Tokens that the hub hands out and later believes (session ids, browser
// sessions, cursors) are sealed here: nobody else can read, alter or mint them, and no table has to remember them.
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Env, masterKeyFault } from '../env';
import type { Log } from '../log';
import { readOrMake } from '../made-once';

/** What a token is for; one made for another purpose never opens. */
export type SealPurpose = 'session' | 'browser' | 'cursor' | 'request-state' | 'task' | 'sign-in' | 'totp';

export interface Keyring {
  /**
   * Seals a JSON value into a URL-safe token. The same value gives another token each time, but for the purpose "task":
   * a task keeps its id, so there the same value gives the same token.
   */
  seal(purpose: SealPurpose, payload: unknown): string;
  /** The sealed value, or null for anything that this hub did not seal for this purpose. */
  open(purpose: SealPurpose, token: string): unknown;
  /** A secret of its own for a library that wants one, base64url of 32 bytes. */
  secretFor(name: string): string;
}

const keyBytes = 32;
const ivBytes = 12;
const tagBytes = 16;
/** First byte of a token: format and key generation, so that a later format can live beside this one. */
const formatVersion = 1;
/** Longer input is not ours and not worth the work; a session id has about 1 KiB, a request state carries a server's. */
const tokenMaxChars: Record<SealPurpose, number> = {
  session: 8192,
  browser: 8192,
  cursor: 8192,
  'request-state': 512 * 1024,
  task: 16_384,
  'sign-in': 2048,
  totp: 2048,
};

/** @param masterKey 32 bytes */
export function createKeyring(masterKey: Buffer): Keyring {
  if (masterKey.length !== keyBytes) throw new Error('The master key must have exactly 32 bytes');
  const keys = new Map<string, Buffer>();

  function keyFor(info: string): Buffer {
    const known = keys.get(info);
    if (known) return known;
    const key = Buffer.from(hkdfSync('sha256', masterKey, 'mcphub', info, keyBytes));
    keys.set(info, key);
    return key;
  }

  function nonceOf(json: string): Buffer {
    return createHmac('sha256', keyFor('nonce:task')).update(json).digest().subarray(0, ivBytes);
  }

  return {
    seal(purpose, payload) {
      const json = JSON.stringify(payload);
      // Made of the value itself, a nonce meets no second value (the idea of RFC 5297, SIV).
      const iv = purpose === 'task' ? nonceOf(json) : randomBytes(ivBytes);
      const cipher = createCipheriv('aes-256-gcm', keyFor(`seal:${purpose}`), iv).setAAD(Buffer.from(purpose));
      const text = Buffer.concat([cipher.update(json, 'utf8'), cipher.final()]);
      return Buffer.concat([Buffer.of(formatVersion), iv, text, cipher.getAuthTag()]).toString('base64url');
    },
    open(purpose, token) {
      if (token.length > tokenMaxChars[purpose]) return null;
      const bytes = Buffer.from(token, 'base64url');
      // Buffer.from skips foreign characters and spare bits, so several spellings would open as one token.
      const isOurs = bytes.length > 1 + ivBytes + tagBytes && bytes.toString('base64url') === token;
      if (!isOurs || bytes[0] !== formatVersion) return null;
      const iv = bytes.subarray(1, 1 + ivBytes);
      const decipher = createDecipheriv('aes-256-gcm', keyFor(`seal:${purpose}`), iv, { authTagLength: tagBytes })
        .setAAD(Buffer.from(purpose))
        .setAuthTag(bytes.subarray(-tagBytes));
      try {
        const text = Buffer.concat([decipher.update(bytes.subarray(1 + ivBytes, -tagBytes)), decipher.final()]);
        return JSON.parse(text.toString('utf8'));
      } catch {
        return null;
      }
    },
    secretFor: (name) => keyFor(`secret:${name}`).toString('base64url'),
  };
}

/**
 * The keyring of this installation, from MCPHUB_MASTER_KEY or else from `master.key` in the data directory, which the
 * first program to ask creates. Reads and writes files synchronously: call it at start.
 * @throws Error with what to do, where the key is unusable
 */
export function loadKeyring(env: Pick<Env, 'MCPHUB_MASTER_KEY' | 'MCPHUB_DATA_DIR'>, log?: Log): Keyring {
  if (env.MCPHUB_MASTER_KEY) return createKeyring(parseMasterKey(env.MCPHUB_MASTER_KEY, 'MCPHUB_MASTER_KEY'));
  const path = join(env.MCPHUB_DATA_DIR, 'master.key');
  const { text, isNew } = readOrMake(path, () => randomBytes(keyBytes).toString('base64'));
  if (isNew)
    log?.warn({ path }, 'A new master key was generated. Back it up: it protects sessions and stored secrets.');
  return createKeyring(parseMasterKey(text, path));
}

/** Of the master key that was in use before this one; null where none is given. */
export function previousKeyring(env: Pick<Env, 'MCPHUB_PREVIOUS_MASTER_KEY'>): Keyring | null {
  const text = env.MCPHUB_PREVIOUS_MASTER_KEY;
  return text ? createKeyring(Buffer.from(text, 'base64')) : null;
}

function parseMasterKey(text: string, origin: string): Buffer {
  const fault = masterKeyFault(text.trim());
  if (fault) {
    throw new Error(
      `${origin} does not hold a master key, which ${fault}. If there was one, restore it from a backup: without the ` +
        'right key, sessions end and stored secrets cannot be opened.',
    );
  }
  return Buffer.from(text.trim(), 'base64');
}
