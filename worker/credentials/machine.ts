// The hub as itself, without a person: tokens of the client credentials grant (RFC 6749, 4.4), kept in memory only, since
// another one can be had at any time.
import type { OAuthSetting } from '../../lib/credentials/schema';
import { asHubError, type HubError } from '../../lib/errors';
import type { Access } from '../upstream/types';
import type { Asking } from './asking';
import type { Discovered } from './discovery';
import { type OAuthClient, requestTokens } from './grants';

const marginMs = 60_000;

export interface MachineOptions {
  asking: Asking;
  found: Discovered;
  client: OAuthClient;
  setting: OAuthSetting;
  /** What callers are told. */
  fault(why: string): HubError;
}

/** @throws HubError UPSTREAM_NEEDS_AUTH when no token is given, else as Asking does */
export async function createMachineAccess({ asking, found, client, setting, fault }: MachineOptions): Promise<Access> {
  const { issuer, resource, scopes } = found;
  const asked = setting.scopes ?? scopes ?? [];
  const params = {
    grant_type: 'client_credentials',
    resource,
    ...(asked.length > 0 && { scope: asked.join(' ') }),
  };
  let dueAtMs = Number.POSITIVE_INFINITY;
  let renewing: Promise<void> | null = null;
  const access = {
    owner: null,
    env: {},
    headers: [] as readonly string[],
    generation: 0,
    isDue: () => Date.now() >= dueAtMs,
    renew(refused: number | null): Promise<void> {
      if (refused !== null && refused !== access.generation) return Promise.resolve();
      renewing ??= fetchToken().finally(() => {
        renewing = null;
      });
      return renewing;
    },
    refusal: () => fault('The server refuses the token, and a new one too.'),
    async wantsMore() {
      return fault('The server wants more rights than the client was granted.');
    },
  };

  async function fetchToken(): Promise<void> {
    const { accessToken, expiresAt } = await requestTokens(asking, issuer, client, params).catch((error: unknown) => {
      const { code, message } = asHubError(error);
      throw code === 'UPSTREAM_NEEDS_AUTH' ? fault(message) : error;
    });
    const now = Date.now();
    const leftMs = expiresAt === null ? Number.POSITIVE_INFINITY : expiresAt.getTime() - now;
    dueAtMs = now + Math.max(leftMs - marginMs, leftMs / 2);
    access.headers = ['authorization', `Bearer ${accessToken}`];
    access.generation += 1;
  }

  await fetchToken();
  return access;
}
