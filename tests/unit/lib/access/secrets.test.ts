import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  hashSecret,
  looksLikeKey,
  newKeySecret,
  sameHash,
  sameSecret,
  shownPrefix,
} from '../../../../lib/access/secrets';

describe('API key secrets', () => {
  it('have 256 random bits between a telling prefix and a checksum', () => {
    const secrets = Array.from({ length: 100 }, newKeySecret);
    expect(new Set(secrets).size).toBe(100);
    for (const secret of secrets) {
      expect(secret).toMatch(/^mcphub_[A-Za-z0-9]{49}$/);
      expect(looksLikeKey(secret)).toBe(true);
    }
  });

  it('end with a checksum over the random part, for scanners of leaked secrets', () => {
    const secret = newKeySecret();
    const random = secret.slice('mcphub_'.length, -6);
    const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    const checksum = [...secret.slice(-6)].reduce((sum, char) => sum * 62 + digits.indexOf(char), 0);
    expect(checksum).toBe(crc32(random));
  });

  it('are told from look-alikes by any changed character, a missing or an additional one', () => {
    const secret = newKeySecret();
    for (let at = 'mcphub_'.length; at < secret.length; at++) {
      const other = secret[at] === 'x' ? 'y' : 'x';
      expect(looksLikeKey(secret.slice(0, at) + other + secret.slice(at + 1))).toBe(false);
    }
    expect(looksLikeKey(secret.slice(0, -1))).toBe(false);
    expect(looksLikeKey(`${secret}x`)).toBe(false);
  });

  it('of earlier versions, with another checksum, still look like keys', () => {
    const random = randomBytes(32).toString('base64url');
    const former = `mcphub_${random}${createHash('sha256').update(random).digest('base64url').slice(0, 6)}`;
    expect(looksLikeKey(former)).toBe(true);
    expect(looksLikeKey(`${former.slice(0, -1)}${former.endsWith('A') ? 'B' : 'A'}`)).toBe(false);
  });

  it('are compared to the last character', () => {
    expect(sameSecret('abc', 'abc')).toBe(true);
    expect(sameSecret('abc', 'abd')).toBe(false);
    expect(sameSecret('abc', 'abcd')).toBe(false);
    fc.assert(fc.property(fc.string(), fc.string(), (one, other) => sameSecret(one, other) === (one === other)));
  });

  it('may have any form from 32 characters on when the operator chose them', () => {
    expect(looksLikeKey('x'.repeat(31))).toBe(false);
    expect(looksLikeKey('x'.repeat(32))).toBe(true);
    expect(looksLikeKey('x'.repeat(513))).toBe(false);
    fc.assert(fc.property(fc.string(), (text) => typeof looksLikeKey(text) === 'boolean'));
  });

  it('show only the first 14 characters', () => {
    const secret = newKeySecret();
    expect(shownPrefix(secret)).toBe(secret.slice(0, 14));
  });

  it('are compared by hash, also where lengths differ', () => {
    expect(sameHash(hashSecret('a'), hashSecret('a'))).toBe(true);
    expect(sameHash(hashSecret('a'), hashSecret('b'))).toBe(false);
    expect(sameHash(hashSecret('a'), '')).toBe(false);
  });
});
