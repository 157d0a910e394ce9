import { describe, expect, it } from 'vitest';
import {
  openBrowserSession,
  renewBrowserSession,
  sealBrowserSession,
  sessionTokenOf,
  startBrowserSession,
} from '../../../../lib/access/browser-session';
import { createKeyring } from '../../../../lib/access/keyring';

const keyring = createKeyring(Buffer.alloc(32, 1));
const start = Date.parse('2026-01-01T00:00:00Z');
const minute = 60_000;
const hour = 60 * minute;
const session = startBrowserSession({ userId: 'u1', sessionVersion: 3 }, start);

describe('browser session', () => {
  it('opens again with the user and the session version', () => {
    const opened = openBrowserSession(keyring, sealBrowserSession(keyring, session), start + minute);
    expect(opened).toMatchObject({ userId: 'u1', sessionVersion: 3 });
  });

  it('ends after twelve idle hours', () => {
    const token = sealBrowserSession(keyring, session);
    expect(openBrowserSession(keyring, token, start + 12 * hour - minute)).not.toBeNull();
    expect(openBrowserSession(keyring, token, start + 12 * hour)).toBeNull();
  });

  it('is renewed by use after a quarter of an hour, but never beyond seven days', () => {
    expect(renewBrowserSession(session, start + 14 * minute)).toBeNull();
    let current = session;
    let at = start;
    while (at < start + 167 * hour) {
      at += hour;
      const opened = openBrowserSession(keyring, sealBrowserSession(keyring, current), at);
      expect(opened).not.toBeNull();
      current = (opened && renewBrowserSession(opened, at)) ?? current;
    }
    expect(openBrowserSession(keyring, sealBrowserSession(keyring, current), start + 168 * hour)).toBeNull();
  });

  it('is not opened from a token of another purpose or shape', () => {
    expect(openBrowserSession(keyring, keyring.seal('session', session), start)).toBeNull();
    expect(openBrowserSession(keyring, keyring.seal('browser', { userId: 'u1' }), start)).toBeNull();
    expect(openBrowserSession(keyring, keyring.seal('browser', null), start)).toBeNull();
  });
});

describe('cookie header', () => {
  it.each([
    ['next-auth.session-token=abc', 'abc'],
    ['theme=dark; next-auth.session-token=abc; x=1', 'abc'],
    ['next-auth.session-token=plain; __Secure-next-auth.session-token=secure', 'secure'],
    ['xnext-auth.session-token=abc', null],
    ['next-auth.session-token', null],
    ['', null],
    [null, null],
  ])('%s holds the token %s', (header, token) => {
    expect(sessionTokenOf(header)).toBe(token);
  });
});
