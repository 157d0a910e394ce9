// A sign-in to a server by the authorization code flow with PKCE: the address that a browser is sent to, and what is done
// with the code that it comes back with (basic/authorization, 2026-07-28; RFC 7636, RFC 8707, RFC 9207).
import { createHash, randomBytes } from 'node:crypto';
import type { HeldStore } from '../../lib/credentials/held';
import type { OAuthSetting } from '../../lib/credentials/schema';
import type { SignInStore } from '../../lib/credentials/sign-ins';
import { asHubError, HubError } from '../../lib/errors';
import type { DesiredServer } from '../../lib/servers';
import type { Asking, AskingFor } from './asking';
import type { Discovery, Issuer } from './discovery';
import { reasonPrefix, requestTokens, shownError } from './grants';
import type { OwnAddresses, Registration } from './registration';
import { readStepUp, wantedScopes, writeStepUp } from './scopes';

const validSeconds = 600;

export interface SignInDeps {
  askingFor: AskingFor;
  discovery: Discovery;
  registration: Registration;
  signIns: SignInStore;
  held: HeldStore;
  own: OwnAddresses;
  /** A server as it shall be. @throws HubError NOT_FOUND */
  desired(serverId: string): Promise<DesiredServer>;
  /** A credential was stored. */
  changed(serverId: string, userId: string | null): Promise<void>;
}

export interface CodeAnswer {
  state: string;
  code?: string | undefined;
  iss?: string | undefined;
  error?: string | undefined;
  errorDescription?: string | undefined;
  /** Who brings it. */
  userId: string;
}

export function createSignIns(deps: SignInDeps) {
  const { askingFor, discovery, registration, signIns, held, own } = deps;

  /**
   * @param startedBy id of the user, who alone may end it @param forUser whether the credential will be that user's
   * @returns where the user's browser has to go; good for ten minutes
   * @throws HubError NOT_FOUND, INVALID_INPUT for a server that is not signed in to so, CONFLICT where a client has to be
   *   entered first, UPSTREAM_* with what is wrong with the server's metadata
   */
  async function begin(serverId: string, startedBy: string, forUser: boolean): Promise<string> {
    const server = await deps.desired(serverId);
    const { setting, url } = settingOf(server);
    const asking = askingFor(server);
    if (forUser !== (setting.per === 'user')) {
      const whose = setting.per === 'user' ? 'Each user signs in for itself' : 'One sign-in of the hub is for all';
      throw new HubError('INVALID_INPUT', `${whose}: see the setting "credential" of the server.`);
    }
    const { issuer, resource, scopes } = await discovery.discover(asking, url, setting.issuer);
    const userId = forUser ? startedBy : null;
    const state = randomBytes(32).toString('base64url');
    const verifier = randomBytes(32).toString('base64url');
    const before = await held.find(serverId, userId);
    const asked = wantedScopes({ setting, offered: scopes, issuer, before });
    const request = { redirectUri: own.redirectUri, resource, state, verifier, scopes: asked };
    let client = await registration.clientFor(asking, setting, issuer);
    let target = authorizationUrl(issuer, client.clientId, request);
    if (client.isRegistered && (await isForgotten(asking, target))) {
      await registration.forget(asking, issuer.issuer, client.clientId);
      client = await registration.clientFor(asking, setting, issuer);
      target = authorizationUrl(issuer, client.clientId, request);
    }
    await signIns.add(
      state,
      {
        serverId,
        startedBy,
        userId,
        issuer: issuer.issuer,
        clientId: client.clientId,
        redirectUri: own.redirectUri,
        resource,
        scopes: asked,
        verifier,
      },
      validSeconds,
    );
    return target.href;
  }

  /** A client that registered itself long ago may have been cleared away; people would be left on a page of errors. */
  async function isForgotten(asking: Asking, target: URL): Promise<boolean> {
    try {
      const { status, body } = await asking.look(target);
      return (status === 400 || status === 401) && body.toString('utf8').includes('invalid_client');
    } catch {
      return false; // The browser will see better what is wrong.
    }
  }

  /**
   * Ends a sign-in: checks whose answer it is, changes the code for tokens, stores them.
   * @returns the server that was signed in to
   * @throws HubError INVALID_INPUT for an answer that fits no open sign-in of this user, comes from another issuer, or
   *   says no; CONFLICT when the server's settings have changed meanwhile; UPSTREAM_*
   */
  async function finish(answer: CodeAnswer): Promise<string> {
    const { state, code, userId } = answer;
    const signIn = await signIns.find(state);
    // Somebody else's is as good as none.
    if (!signIn || signIn.startedBy !== userId) throw over();
    const { serverId, clientId, redirectUri, resource } = signIn;
    const server = await deps.desired(serverId);
    const { setting } = settingOf(server);
    const asking = askingFor(server);
    const issuer = await discovery.issuerOf(asking, signIn.issuer);
    checkIssuer(issuer, answer.iss);
    if (!(await signIns.use(signIn.id))) throw over();
    if (answer.error !== undefined) {
      const why = shownError(answer.error, answer.errorDescription);
      throw new HubError('INVALID_INPUT', `The sign-in was refused: ${why}.`, { reason: 'refused' });
    }
    if (!code) throw new HubError('INVALID_INPUT', 'The sign-in service sent no code.');
    const client = await registration.clientOf(asking, setting, signIn.issuer, clientId);
    if (!client || (setting.per === 'user') !== (signIn.userId !== null)) {
      throw new HubError('CONFLICT', 'The settings of the server have changed meanwhile: begin the sign-in again.');
    }
    const params = {
      grant_type: 'authorization_code',
      code,
      code_verifier: signIn.verifier,
      redirect_uri: redirectUri,
      resource,
    };
    const tokens = await requestTokens(asking, issuer, client, params).catch(async (error: unknown) => {
      const { reason } = asHubError(error).extras;
      if (reason === `${reasonPrefix}invalid_client`) await registration.forget(asking, signIn.issuer, clientId);
      throw error;
    });
    const { accessToken, refreshToken, scopes, expiresAt } = tokens;
    const before = await held.find(serverId, signIn.userId);
    const stepUp = before && readStepUp(before);
    const isStep = stepUp !== null && stepUp.scopes.length > 0;
    await held.put(serverId, signIn.userId, userId, {
      issuer: signIn.issuer,
      clientId,
      values: {
        accessToken,
        resource,
        ...(refreshToken !== null && { refreshToken }),
        ...(isStep && { stepUp: writeStepUp({ ...stepUp, tries: stepUp.tries + 1 }) }),
      },
      scopes: scopes ?? signIn.scopes,
      expiresAt,
    });
    await deps.changed(serverId, signIn.userId);
    return serverId;
  }

  return { begin, finish };
}

/** @throws HubError INVALID_INPUT, CONFLICT */
export function settingOf({ name, credential, url, fault }: DesiredServer): { setting: OAuthSetting; url: URL } {
  if (fault !== null) throw new HubError('CONFLICT', fault);
  if (credential?.kind !== 'oauth' || url === null) {
    throw new HubError('INVALID_INPUT', `The server "${name}" is not signed in to by OAuth.`);
  }
  return { setting: credential, url: new URL(url) };
}

interface CodeRequest {
  redirectUri: string;
  resource: string;
  state: string;
  verifier: string;
  scopes: string[];
}

function authorizationUrl({ authorizationEndpoint }: Issuer, clientId: string, request: CodeRequest): URL {
  const url = new URL(authorizationEndpoint);
  const { redirectUri, resource, state, verifier, scopes } = request;
  const params = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    resource,
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    // OpenID Connect Core 1.0, 11: without it the wish for a refresh token is ignored.
    ...(scopes.includes('offline_access') && { prompt: 'consent' }),
  };
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  return url;
}

/**
 * Before anything of the answer is used or shown, its error too (RFC 9207, 2.4): compared as it is, without any
 * normalisation. @throws HubError INVALID_INPUT
 */
function checkIssuer({ issuer, sendsIss }: Issuer, iss: string | undefined): void {
  if (iss === undefined ? !sendsIss : iss === issuer) return;
  const message = 'The answer does not come from the sign-in service that was asked: nothing of it is used.';
  throw new HubError('INVALID_INPUT', message, { reason: 'issuer-mismatch' });
}

function over(): HubError {
  const message = 'This sign-in is over, or was begun by somebody else: begin it again.';
  return new HubError('INVALID_INPUT', message, { reason: 'sign-in-over' });
}
