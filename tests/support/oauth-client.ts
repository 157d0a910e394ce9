// A client of the hub's authorization server, and the browser of its user, over plain HTTP: redirects are not followed, so
// that a test sees each answer. Consent is given through the control socket, as the web program does.
import { createHash, randomBytes } from 'node:crypto';
import { users } from '../../drizzle/schema';
import { createControlClient } from '../../lib/control';
import { openDatabase } from '../../lib/db';
import { socketPaths } from '../../lib/env';
import { createLog } from '../../lib/log';
import type { Hub } from './hub';
import { type Answer, read } from './hub-client';

export const loopbackRedirect = 'http://127.0.0.1:33418/callback';

/** Registers a client. @returns the whole answer */
export async function registerClient(url: string, metadata: object = {}): Promise<Answer> {
  const body = JSON.stringify({ client_name: 'Test client', redirect_uris: [loopbackRedirect], ...metadata });
  return read(
    await fetch(`${url}/oauth/register`, { method: 'POST', headers: { 'content-type': 'application/json' }, body }),
  );
}

export interface Pkce {
  verifier: string;
  challenge: string;
}

export function newPkce(): Pkce {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

/** The parameters of a good request, with changes; undefined leaves one out. */
export function authorizationQuery(
  clientId: string,
  pkce: Pkce,
  changes: Record<string, string | undefined> = {},
): string {
  const all: Record<string, string | undefined> = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: loopbackRedirect,
    code_challenge: pkce.challenge,
    code_challenge_method: 'S256',
    state: 'the state',
    ...changes,
  };
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return new URLSearchParams(given).toString();
}

/** A browser as far as this needs one: cookies by path. */
export class Browser {
  readonly cookies = new Map<string, { value: string; path: string }>();

  constructor(readonly url: string) {}

  async get(target: string): Promise<Answer> {
    const url = new URL(target, this.url);
    const cookie = [...this.cookies]
      .filter(
        ([, { path }]) => url.pathname === path || url.pathname.startsWith(path.endsWith('/') ? path : `${path}/`),
      )
      .map(([name, { value }]) => `${name}=${value}`)
      .join('; ');
    const headers = { accept: 'text/html', ...(cookie && { cookie }) };
    const response = await fetch(url, { redirect: 'manual', headers });
    for (const line of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split('; ');
      const at = pair.indexOf('=');
      const path = attributes.find((each) => each.toLowerCase().startsWith('path='))?.slice(5) ?? '/';
      this.cookies.set(pair.slice(0, at), { value: pair.slice(at + 1), path });
    }
    return read(response);
  }
}

/** The id of a user by name. */
export async function userIdOf(hub: Hub, name = hub.admin.username): Promise<string> {
  const { databaseDir } = socketPaths(hub.dataDir);
  const log = createLog('test', 'silent');
  const { db, close } = await openDatabase({ url: undefined, socketDir: databaseDir, log, wait: false });
  try {
    const rows = await db.select({ id: users.id, username: users.username }).from(users);
    return rows.find(({ username }) => username === name)?.id ?? '';
  } finally {
    await close();
  }
}

export interface Authorization {
  clientId: string;
  pkce: Pkce;
  browser: Browser;
  /** Where the browser ended: at the client, or on a page of the hub. */
  answer: Answer;
  /** The parameters that the client got. */
  params: URLSearchParams;
}

/** Begins a request, lets the user decide, and goes back to the client. */
export async function authorize(
  hub: Hub,
  {
    clientId,
    userId,
    allow = true,
    ...changes
  }: { clientId: string; userId: string; allow?: boolean } & Record<string, unknown>,
): Promise<Authorization> {
  const pkce = newPkce();
  const browser = new Browser(hub.url);
  const query = authorizationQuery(clientId, pkce, changes as Record<string, string>);
  const begun = await browser.get(`/oauth/authorize?${query}`);
  const id = consentIdOf(begun);
  const control = createControlClient(socketPaths(hub.dataDir).worker);
  const { returnTo } = await control.call('oauth.decide', { id, userId, allow, requestId: 'test' });
  const answer = await browser.get(returnTo);
  const location = answer.headers.get('location') ?? '';
  const params = URL.canParse(location) ? new URL(location).searchParams : new URLSearchParams();
  return { clientId, pkce, browser, answer, params };
}

/** The id of the request in the address of the consent page. */
export function consentIdOf({ status, headers, text }: Answer): string {
  const id = /\/consent\/([\w-]+)$/.exec(headers.get('location') ?? '')?.[1];
  if (!id) throw new Error(`no consent page: ${status} ${headers.get('location') ?? text}`);
  return id;
}

export async function postForm(url: string, fields: Record<string, string>): Promise<Answer> {
  return read(await fetch(url, { method: 'POST', body: new URLSearchParams(fields) }));
}

/** The code of an authorization for tokens. */
export function exchange(
  url: string,
  { clientId, pkce, params }: Pick<Authorization, 'clientId' | 'pkce' | 'params'>,
  changes: Record<string, string> = {},
): Promise<Answer> {
  return postForm(`${url}/oauth/token`, {
    grant_type: 'authorization_code',
    client_id: clientId,
    code: params.get('code') ?? '',
    redirect_uri: loopbackRedirect,
    code_verifier: pkce.verifier,
    ...changes,
  });
}

export function refresh(url: string, clientId: string, token: string): Promise<Answer> {
  return postForm(`${url}/oauth/token`, { grant_type: 'refresh_token', client_id: clientId, refresh_token: token });
}
