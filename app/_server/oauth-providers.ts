// How next-auth speaks to each sign-in provider. All that it asks of others goes through its own client, with the limits
// that stand here; tokens are used for the questions of one sign-in and kept nowhere.
import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { OAuthConfig, OAuthUserConfig } from 'next-auth/providers/oauth';
import { type Proof, signInProviders, withoutSlash } from '@/lib/access';
import type { SignInProvider } from '@/lib/access/external/schema';
import type { ProviderId } from '@/lib/access/schema';
import type { Env } from '@/lib/env';
import { isNeverAllowed, withEmbedded } from '@/lib/servers/addresses';

/** What a provider is asked has to be answered within this time, each. */
const timeoutMs = 4_000;
const githubPageSize = 100;
/** Of organisations and of teams. */
const githubPagesMax = 10;

/** What the callbacks of next-auth get as the profile. */
export type ProvenProfile = Record<string, unknown> & { proof: Proof };

type ProviderConfig = OAuthConfig<ProvenProfile> & { options?: OAuthUserConfig<ProvenProfile> };
type UserInfo = Extract<NonNullable<ProviderConfig['userinfo']>, { request?: unknown }>;
type TokenRequest = Extract<NonNullable<ProviderConfig['token']>, { request?: unknown }>;
type TokenSetParameters = Awaited<ReturnType<NonNullable<TokenRequest['request']>>>['tokens'];
type Asked = Parameters<NonNullable<UserInfo['request']>>[0];

/** A provider is named by the settings, so its address may be any; but never one of those that no row may name either. */
const lookup: LookupFunction = (host, options, callback) => {
  systemLookup(host, { ...options, all: true }, (error, found: LookupAddress[]) => {
    const allowed = (found ?? []).filter(({ address }) => !isNeverAllowed(withEmbedded(ipaddr.parse(address))));
    const [first] = allowed;
    if (error || !first) callback(error ?? new Error(`address of ${host} not allowed`), '', 0);
    else if (options.all) callback(null, allowed);
    else callback(null, first.address, first.family);
  });
};

/** Where a provider sends browsers back to. @param base the hub's URL as the visitor sees it */
export function callbackUrl(base: string, id: ProviderId): string {
  return `${base}/api/auth/callback/${id}`;
}

/**
 * One for each provider of the settings.
 * @param base the hub's URL as the visitor sees it; next-auth knows no path in it, and one scheme for all names
 */
export function oauthProviders(settings: Env, base: string): ProviderConfig[] {
  return signInProviders(settings).map((provider) => {
    const common = {
      redirectUri: callbackUrl(base, provider.id),
      id: provider.id,
      name: provider.name,
      type: 'oauth' as const,
      // The types know neither member, the client that they are handed to knows both.
      httpOptions: { timeout: timeoutMs, lookup } as ProviderConfig['httpOptions'],
      profile: ({ proof }: ProvenProfile) => ({ id: proof.subject }),
      ...credentialsOf(provider, settings),
    };
    return provider.id === 'github' ? github(common, provider) : openId(common, provider, settings);
  });
}

type Common = Omit<ProviderConfig, 'authorization' | 'userinfo' | 'token' | 'wellKnown'> & { redirectUri: string };

function credentialsOf({ id }: SignInProvider, settings: Env): { clientId: string; clientSecret: string } {
  const [clientId, clientSecret] = {
    oidc: [settings.MCPHUB_OIDC_CLIENT_ID, settings.MCPHUB_OIDC_CLIENT_SECRET],
    github: [settings.MCPHUB_GITHUB_CLIENT_ID, settings.MCPHUB_GITHUB_CLIENT_SECRET],
    google: [settings.MCPHUB_GOOGLE_CLIENT_ID, settings.MCPHUB_GOOGLE_CLIENT_SECRET],
  }[id];
  return { clientId: clientId ?? '', clientSecret: clientSecret ?? '' };
}

/** OpenID Connect Core 1.0; the client checks signature, iss, aud, exp and nonce of the ID token before we see its claims. */
function openId({ redirectUri, ...common }: Common, { id, issuer }: SignInProvider, settings: Env): ProviderConfig {
  const asked = id === 'google' ? ['profile', 'email'] : settings.MCPHUB_OIDC_SCOPES.split(' ');
  return {
    ...common,
    wellKnown: `${issuer}/.well-known/openid-configuration`,
    authorization: { params: { scope: [...new Set(['openid', ...asked])].join(' '), redirect_uri: redirectUri } },
    token: {
      request: async ({ client, params, checks }) => ({
        tokens: (await client.callback(redirectUri, params, checks)) as TokenSetParameters,
      }),
    },
    idToken: true,
    checks: ['pkce', 'state', 'nonce'],
    userinfo: {
      async request({ client, tokens }) {
        const claims = (tokens as unknown as { claims(): Record<string, unknown> }).claims();
        // The document that was found at the issuer's address speaks for that issuer alone (OpenID Connect Discovery, 4.3).
        if (typeof claims.iss !== 'string' || withoutSlash(claims.iss) !== issuer) {
          throw new Error('the ID token is of another issuer');
        }
        // Groups often stand here alone. The client refuses an answer about another subject (OpenID Connect Core, 5.3.2).
        const more = client.issuer.metadata.userinfo_endpoint ? await client.userinfo(tokens as never) : {};
        const all = { ...more, ...claims };
        return { ...all, proof: { provider: id, issuer, subject: String(claims.sub), claims: all } } as never;
      },
    },
  };
}

/** GitHub speaks OAuth without ID tokens: who it is, its API says. */
function github({ redirectUri, ...common }: Common, { id, issuer }: SignInProvider): ProviderConfig {
  const api = issuer === 'https://github.com' ? 'https://api.github.com' : `${issuer}/api/v3`;
  return {
    ...common,
    issuer,
    authorization: {
      url: `${issuer}/login/oauth/authorize`,
      params: { scope: 'read:user user:email read:org', redirect_uri: redirectUri },
    },
    token: {
      url: `${issuer}/login/oauth/access_token`,
      request: async ({ client, params, checks }) => ({
        tokens: (await client.oauthCallback(redirectUri, params, checks)) as TokenSetParameters,
      }),
    },
    // So it is documented; with Basic, special characters of a secret could be read in two ways.
    client: { token_endpoint_auth_method: 'client_secret_post' },
    checks: ['pkce', 'state'],
    userinfo: {
      async request(asked) {
        const [user, emails, orgs, teams] = await Promise.all([
          askGithub(asked, `${api}/user`),
          listOfGithub(asked, `${api}/user/emails`),
          listOfGithub(asked, `${api}/user/orgs`),
          listOfGithub(asked, `${api}/user/teams`),
        ]);
        const { id: subject, login, name } = user as { id?: unknown; login?: unknown; name?: unknown };
        // A login is given away when its owner takes another; the number never is.
        if (!Number.isSafeInteger(subject)) throw new Error('GitHub named no user');
        const primary = emails.find((each) => each.primary === true);
        const claims = {
          sub: String(subject),
          login,
          name,
          email: primary?.email,
          email_verified: primary?.verified === true,
          orgs: orgs.map((org) => org.login),
          teams: teams.map((team) => `${(team.organization as { login?: unknown } | undefined)?.login}/${team.slug}`),
        };
        return { ...claims, proof: { provider: id, issuer, subject: claims.sub, claims } } as never;
      },
    },
  };
}

async function listOfGithub(asked: Asked, url: string): Promise<Record<string, unknown>[]> {
  const all: Record<string, unknown>[] = [];
  for (let page = 1; page <= githubPagesMax; page++) {
    const items = await askGithub(asked, `${url}?per_page=${githubPageSize}&page=${page}`);
    if (!Array.isArray(items)) throw new Error('GitHub answered without a list');
    all.push(...items.filter((item) => typeof item === 'object' && item !== null));
    if (items.length < githubPageSize) break;
  }
  return all;
}

async function askGithub({ client, tokens }: Asked, url: string): Promise<unknown> {
  const headers = { accept: 'application/vnd.github+json', 'user-agent': 'mcphub' };
  const { statusCode, body } = await client.requestResource(url, tokens.access_token ?? '', { headers });
  // Without an answer to each question, roles would be taken back from those who still have what they are for.
  if (statusCode !== 200) throw new Error(`GitHub answered ${new URL(url).pathname} with ${statusCode}`);
  return JSON.parse(body?.toString('utf8') ?? '');
}
