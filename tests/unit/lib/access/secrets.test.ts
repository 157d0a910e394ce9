import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashSecret, looksLikeKey, newKeySecret, sameHash, shownPrefix } from '../../../../lib/access/secrets';

describe('API key secrets', () => {
  it('have 256 random bits between a telling prefix and a checksum', () => {
    const secrets = Array.from({ length: 100 }, newKeySecret);
    expect(new Set(secrets).size).toBe(100);
    for (const secret of secrets) {
      expect(secret).toMatch(/^mcphub_[A-Za-z0-9_-]{49}$/);
      expect(looksLikeKey(secret)).toBe(true);
    }
  });

  it('end with a checksum over the random part, for scanners of leaked secrets', () => {
    const secret = newKeySecret();
    const random = secret.slice('mcphub_'.length, -6);
    expect(secret.slice(-6)).toBe(createHash('sha256').update(random).digest('base64url').slice(0, 6));
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
