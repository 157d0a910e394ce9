import { describe, expect, it } from 'vitest';
import { oauthProviders } from '../../../../app/_server/oauth-providers';
import { parseEnv } from '../../../../lib/env';

const settings = parseEnv({
  MCPHUB_OIDC_ISSUER: 'https://idp.example.org/realm/',
  MCPHUB_OIDC_CLIENT_ID: 'o',
  MCPHUB_OIDC_CLIENT_SECRET: 's',
  MCPHUB_OIDC_SCOPES: 'groups',
  MCPHUB_GITHUB_CLIENT_ID: 'h',
  MCPHUB_GITHUB_CLIENT_SECRET: 's',
  MCPHUB_GOOGLE_CLIENT_ID: 'g',
  MCPHUB_GOOGLE_CLIENT_SECRET: 's',
});

const base = 'https://hub.example.org/mcp';

describe('the sign-in providers', () => {
  it('are asked with state and PKCE, and with a nonce where there is an ID token', () => {
    const checks = oauthProviders(settings, base).map((provider) => [provider.id, provider.checks]);
    expect(checks).toEqual([
      ['oidc', ['pkce', 'state', 'nonce']],
      ['github', ['pkce', 'state']],
      ['google', ['pkce', 'state', 'nonce']],
    ]);
  });

  it('are found at their issuers, and asked for an ID token whatever scopes are set', () => {
    const [oidc, , google] = oauthProviders(settings, base);
    expect([oidc?.wellKnown, oidc?.authorization]).toEqual([
      'https://idp.example.org/realm/.well-known/openid-configuration',
      { params: { scope: 'openid groups', redirect_uri: `${base}/api/auth/callback/oidc` } },
    ]);
    expect([google?.wellKnown, google?.authorization]).toEqual([
      'https://accounts.google.com/.well-known/openid-configuration',
      { params: { scope: 'openid profile email', redirect_uri: `${base}/api/auth/callback/google` } },
    ]);
  });

  it('speak for their own issuer alone', async () => {
    const [oidc] = oauthProviders(settings, base);
    const ask = (iss: string) => {
      const tokens = { claims: () => ({ iss, sub: '1' }) };
      const client = { issuer: { metadata: {} } };
      const { request } = Object(oidc?.userinfo) as { request(asked: object): Promise<object> };
      return request({ tokens, client });
    };
    await expect(ask('https://idp.example.org/realm/')).resolves.toMatchObject({
      proof: { issuer: 'https://idp.example.org/realm', subject: '1' },
    });
    await expect(ask('https://idp.example.org/other')).rejects.toThrow('another issuer');
  });
});
