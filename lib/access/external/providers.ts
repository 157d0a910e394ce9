// The sign-in providers that the settings name. How each is spoken to is the web program's matter.
import type { Env } from '../../env';
import type { SignInProvider } from './schema';

/** The settings that make up providers. */
export type ProviderSettings = Pick<
  Env,
  | 'MCPHUB_OIDC_ISSUER'
  | 'MCPHUB_OIDC_NAME'
  | 'MCPHUB_GITHUB_CLIENT_ID'
  | 'MCPHUB_GITHUB_URL'
  | 'MCPHUB_GOOGLE_CLIENT_ID'
>;

const googleIssuer = 'https://accounts.google.com';

/** In the order of the buttons. */
export function signInProviders(settings: ProviderSettings): SignInProvider[] {
  const { MCPHUB_OIDC_ISSUER, MCPHUB_OIDC_NAME, MCPHUB_GITHUB_URL } = settings;
  const providers: SignInProvider[] = [];
  if (MCPHUB_OIDC_ISSUER) {
    providers.push({ id: 'oidc', name: MCPHUB_OIDC_NAME, issuer: withoutSlash(MCPHUB_OIDC_ISSUER) });
  }
  if (settings.MCPHUB_GITHUB_CLIENT_ID) {
    providers.push({ id: 'github', name: 'GitHub', issuer: withoutSlash(MCPHUB_GITHUB_URL) });
  }
  if (settings.MCPHUB_GOOGLE_CLIENT_ID) providers.push({ id: 'google', name: 'Google', issuer: googleIssuer });
  return providers;
}

/** Issuers are told apart without it: people write both, and no two differ by it alone. */
export function withoutSlash(issuer: string): string {
  return issuer.replace(/\/+$/, '');
}
