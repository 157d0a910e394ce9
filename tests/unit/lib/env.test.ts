import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseEnv } from '../../../lib/env';

describe('the settings', () => {
  it('have the hub listen on the loopback address unless they name another [L-HTTP-02]', () => {
    const listensOn = (source: Record<string, string>) => {
      const { HOST, MCPHUB_PUBLIC_URL } = parseEnv(source);
      return [HOST, new URL(MCPHUB_PUBLIC_URL).hostname];
    };
    expect(listensOn({})).toEqual(['127.0.0.1', '127.0.0.1']);
    expect(listensOn({ HOST: '' })).toEqual(['127.0.0.1', '127.0.0.1']);
    expect(listensOn({ HOST: '0.0.0.0' })).toEqual(['0.0.0.0', 'localhost']);
  });

  it('take the master key of the file before the other, and refuse one that is short or guessable', () => {
    const [key, other] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')];
    const both = { MCPHUB_MASTER_KEY: other, MCPHUB_MASTER_KEY_FILE: '/run/key' };
    expect(parseEnv(both, () => `${key}\n`).MCPHUB_MASTER_KEY).toBe(key);
    const typed = Buffer.from('correct horse battery staple 123').toString('base64');
    const sequence = Buffer.from(Array.from({ length: 32 }, (_, at) => at)).toString('base64');
    const same = Buffer.alloc(32, 7).toString('base64');
    for (const text of [key.slice(0, 20), 'not base64!', typed, sequence, same]) {
      expect(() => parseEnv({ MCPHUB_MASTER_KEY: text })).toThrow(/MCPHUB_MASTER_KEY (must be 32 bytes|is guessable)/);
    }
    expect(parseEnv({ MCPHUB_PREVIOUS_MASTER_KEY: typed }).MCPHUB_PREVIOUS_MASTER_KEY).toBe(typed);
  });

  it('take another issuer over https, or on this machine, and nothing about its tokens without it', () => {
    const issuer = (MCPHUB_OAUTH_ISSUER: string) => parseEnv({ MCPHUB_OAUTH_ISSUER }).MCPHUB_OAUTH_ISSUER;
    // The slash at its end belongs to it: tokens name it to the byte.
    for (const good of ['https://login.example/', 'https://login.example/realms/x', 'http://127.0.0.1:9000']) {
      expect(issuer(good)).toBe(good);
    }
    for (const bad of ['http://login.example', 'http://127.0.0.1.evil.example', 'ftp://login.example', 'login']) {
      expect(() => issuer(bad)).toThrow(/MCPHUB_OAUTH_ISSUER/);
    }
    for (const key of ['MCPHUB_OAUTH_AUDIENCE', 'MCPHUB_OAUTH_USER_CLAIM']) {
      expect(() => parseEnv({ [key]: 'x' })).toThrow(/set it too/);
    }
  });

  it('take a sign-in provider whole or not at all, and passwords away only where there is one', () => {
    const oidc = {
      MCPHUB_OIDC_ISSUER: 'https://idp.example.org',
      MCPHUB_OIDC_CLIENT_ID: 'hub',
      MCPHUB_OIDC_CLIENT_SECRET: 'x',
    };
    const github = { MCPHUB_GITHUB_CLIENT_ID: 'a', MCPHUB_GITHUB_CLIENT_SECRET: 'b' };
    const google = { MCPHUB_GOOGLE_CLIENT_ID: 'a', MCPHUB_GOOGLE_CLIENT_SECRET: 'b' };
    for (const whole of [oidc, github, google]) {
      expect(parseEnv({ ...whole, MCPHUB_PASSWORD_SIGN_IN: 'false' })).toMatchObject(whole);
      for (const left of Object.keys(whole)) {
        expect(() => parseEnv({ ...whole, [left]: '' })).toThrow(/belong together/);
      }
    }
    expect(() => parseEnv({ MCPHUB_PASSWORD_SIGN_IN: 'false' })).toThrow(/no way to sign in/);
    expect(() => parseEnv({ MCPHUB_PASSWORD_SIGN_IN: 'no' })).toThrow(/must be true or false/);
    expect(() => parseEnv({ ...oidc, MCPHUB_OIDC_ISSUER: 'http://idp.example.org' })).toThrow(/must be https/);
    expect(parseEnv({ ...oidc, MCPHUB_OIDC_ISSUER: 'http://127.0.0.1:9000' }).MCPHUB_OIDC_SCOPES).toBe(
      'openid profile email',
    );
    expect(() => parseEnv({ ...oidc, MCPHUB_OIDC_SCOPES: 'openid "all"' })).toThrow(/MCPHUB_OIDC_SCOPES/);
  });
});
