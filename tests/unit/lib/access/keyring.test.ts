import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKeyring } from '../../../../lib/access/keyring';

const keyring = createKeyring(Buffer.alloc(32, 1));

describe('keyring', () => {
  it('opens what it sealed, whatever JSON it was', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const plain: unknown = JSON.parse(JSON.stringify(value));
        expect(keyring.open('session', keyring.seal('session', plain))).toEqual(plain);
      }),
    );
  });

  it('gives another token each time, of letters that a URL and a header may carry', () => {
    const tokens = Array.from({ length: 50 }, () => keyring.seal('session', { user: 1 }));
    expect(new Set(tokens).size).toBe(50);
    for (const token of tokens) expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
  });

  it('gives a task one token only, and another one to each other task', () => {
    const seal = (value: number) => keyring.seal('task', { task: value });
    expect(seal(1)).toBe(seal(1));
    expect(new Set(Array.from({ length: 50 }, (_, at) => seal(at).slice(0, 16))).size).toBe(50);
    expect(keyring.open('task', seal(3))).toEqual({ task: 3 });
  });

  it('opens no token made for another purpose or by another hub', () => {
    const token = keyring.seal('session', 'x');
    expect(keyring.open('browser', token)).toBeNull();
    expect(keyring.open('cursor', token)).toBeNull();
    expect(createKeyring(Buffer.alloc(32, 2)).open('session', token)).toBeNull();
  });

  it('opens no token of which any one character was changed, dropped or added', () => {
    const token = keyring.seal('session', { user: 1 });
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === 'A' ? 'B' : 'A';
      expect(keyring.open('session', token.slice(0, at) + other + token.slice(at + 1))).toBeNull();
      expect(keyring.open('session', token.slice(0, at) + token.slice(at + 1))).toBeNull();
    }
    for (const tail of ['=', 'A', ' ', '\n', '%']) expect(keyring.open('session', token + tail)).toBeNull();
  });

  it('answers null to anything that is not a token', () => {
    fc.assert(fc.property(fc.string(), (text) => keyring.open('session', text) === null));
    expect(keyring.open('session', 'A'.repeat(1_000_000))).toBeNull();
    expect(keyring.open('session', '__proto__')).toBeNull();
  });

  it('derives secrets that are apart from each other and the same every time', () => {
    expect(keyring.secretFor('a')).toBe(createKeyring(Buffer.alloc(32, 1)).secretFor('a'));
    expect(keyring.secretFor('a')).not.toBe(keyring.secretFor('b'));
    expect(Buffer.from(keyring.secretFor('a'), 'base64url')).toHaveLength(32);
  });

  it('refuses a master key of another size', () => {
    expect(() => createKeyring(Buffer.alloc(31, 1))).toThrow(/32 bytes/);
  });
});
