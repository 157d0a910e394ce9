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

  it('are told from look-alikes by the checksum alone', () => {
    const secret = newKeySecret();
    for (let at = 'mcphub_'.length; at < secret.length; at++) {
      const other = secret[at] === 'a' ? 'b' : 'a';
      expect(looksLikeKey(secret.slice(0, at) + other + secret.slice(at + 1))).toBe(false);
    }
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
