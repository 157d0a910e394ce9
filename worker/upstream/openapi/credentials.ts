// The credentials of an API: which of its security schemes a call uses, and tokens of the client credentials flow
// (RFC 6749 §4.4): fetched once for all calls that wait, kept until shortly before they expire, fetched anew after a 401.
import { asHubError, HubError } from '../../../lib/errors';
import type { SchemeCredentials } from '../../../lib/openapi/schema';
import type { HttpAnswer, HttpClient } from './client';
import { isObject, type SchemePlan } from './model';

const tokenMs = 15_000;
const tokenMaxBytes = 256 * 1024;
/** A token is not used in its last seconds, which the way to the server may take. */
const marginMs = 30_000;

/** What credentials add to a request; names of headers in lower case. */
export interface Added {
  headers: Record<string, string>;
  query: [name: string, value: string][];
  cookies: [name: string, value: string][];
  /** Schemes whose token came from here, so that it can be replaced once. */
  tokens: string[];
}

export interface Credentials {
  /** @throws HubError UPSTREAM_NEEDS_AUTH when no token was granted, and as HttpClient.request does */
  for(security: string[][] | null, signal: AbortSignal): Promise<Added>;
  /** The API refused the tokens of this call: the next call fetches others. */
  refused(added: Added): void;
}

export interface CredentialsOptions {
  server: string;
  auth: Record<string, SchemeCredentials>;
  schemes: readonly SchemePlan[];
  client: HttpClient;
  /** Where a token address is found that is relative. */
  base: URL;
  monotonic?: () => number;
}

interface Token {
  value: string;
  untilMs: number;
}

export function createCredentials(options: CredentialsOptions): Credentials {
  const { server, auth, client, base, monotonic = () => performance.now() } = options;
  const schemes = new Map(options.schemes.map((scheme) => [scheme.name, scheme]));
  const tokens = new Map<string, Token>();
  const fetching = new Map<string, Promise<string>>();
  const isReady = (name: string) => isComplete(schemes.get(name), auth[name]);

  /** The first alternative that can be met; where none can, the call goes without and the API says what it misses. */
  function chosen(security: string[][] | null): string[] {
    if (security === null) return [...schemes.keys()].filter(isReady).slice(0, 1);
    return security.find((names) => names.length > 0 && names.every(isReady)) ?? [];
  }

  async function add(name: string, added: Added, signal: AbortSignal): Promise<void> {
    const scheme = schemes.get(name);
    const given = auth[name];
    if (!scheme || !given) return;
    if (scheme.kind === 'apiKey' && given.value !== undefined) {
      const parameter = scheme.parameter ?? '';
      if (scheme.in === 'header') added.headers[parameter.toLowerCase()] = given.value;
      else (scheme.in === 'query' ? added.query : added.cookies).push([parameter, given.value]);
    } else if (scheme.kind === 'basic') {
      added.headers.authorization = basic(given.username ?? '', given.password ?? '');
    } else if (given.token !== undefined) {
      added.headers.authorization = `Bearer ${given.token}`;
    } else if (given.clientId !== undefined) {
      added.headers.authorization = `Bearer ${await untilAborted(tokenOf(scheme, given), signal)}`;
      added.tokens.push(name);
    }
  }

  function tokenOf(scheme: SchemePlan, given: SchemeCredentials): Promise<string> {
    const known = tokens.get(scheme.name);
    if (known && monotonic() < known.untilMs) return Promise.resolve(known.value);
    const under = fetching.get(scheme.name);
    if (under) return under;
    const fresh = fetchToken(scheme, given).finally(() => fetching.delete(scheme.name));
    fetching.set(scheme.name, fresh);
    return fresh;
  }

  async function fetchToken(scheme: SchemePlan, given: SchemeCredentials): Promise<string> {
    const text = given.tokenUrl ?? scheme.tokenUrl;
    if (text === undefined || !URL.canParse(text, base)) throw noToken('its address cannot be read');
    const url = new URL(text, base);
    // By the RFC every server takes the first form; many take the second alone, and say so with 400 or 401.
    let answer = await askForToken(url, given, true);
    if (answer.status === 400 || answer.status === 401) answer = await askForToken(url, given, false);
    const body = parse(answer.body);
    if (answer.status !== 200 || typeof body.access_token !== 'string' || !isToken(body.access_token)) {
      const why = typeof body.error === 'string' ? `: ${body.error.slice(0, 100)}` : '';
      throw noToken(`${url.origin} answered HTTP ${answer.status}${why}`);
    }
    const seconds = Number(body.expires_in);
    const lastsMs = seconds > 0 ? seconds * 1000 : Infinity;
    const untilMs = monotonic() + Math.max(lastsMs - marginMs, lastsMs / 2);
    tokens.set(scheme.name, { value: body.access_token, untilMs });
    return body.access_token;
  }

  async function askForToken(url: URL, given: SchemeCredentials, inHeader: boolean): Promise<HttpAnswer> {
    const { clientId = '', clientSecret = '', scopes } = given;
    const form = new URLSearchParams({ grant_type: 'client_credentials' });
    if (scopes) form.set('scope', scopes);
    if (!inHeader) {
      form.set('client_id', clientId);
      form.set('client_secret', clientSecret);
    }
    const formEncoded = (value: string) => new URLSearchParams({ '': value }).toString().slice(1);
    const headers = {
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
      ...(inHeader && { authorization: basic(formEncoded(clientId), formEncoded(clientSecret)) }),
    };
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(noToken(`${url.origin} did not answer in ${tokenMs / 1000} s`)), tokenMs);
    try {
      const body = Buffer.from(form.toString());
      const path = url.pathname + url.search;
      return await client.request(url, {
        method: 'POST',
        path,
        headers,
        body,
        maxBytes: tokenMaxBytes,
        signal: late.signal,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  function noToken(why: string): HubError {
    const message = `No token for the API of "${server}" could be had: ${why}.`;
    return new HubError('UPSTREAM_NEEDS_AUTH', message, { server, reason: 'needs-auth' });
  }

  return {
    async for(security, signal) {
      const added: Added = { headers: {}, query: [], cookies: [], tokens: [] };
      for (const name of chosen(security)) await add(name, added, signal);
      return added;
    },
    refused(added) {
      // Another call may have replaced it already.
      for (const name of added.tokens) {
        const known = tokens.get(name);
        if (known && added.headers.authorization === `Bearer ${known.value}`) tokens.delete(name);
      }
    },
  };
}

function isComplete(scheme: SchemePlan | undefined, given: SchemeCredentials | undefined): boolean {
  if (!scheme || !given) return false;
  if (scheme.kind === 'apiKey') return Boolean(given.value);
  if (scheme.kind === 'basic') return given.username !== undefined || given.password !== undefined;
  if (scheme.kind === 'unsupported') return false;
  return Boolean(given.token) || (scheme.kind === 'oauth2' && Boolean(given.clientId));
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** RFC 6750 §2.1. */
function isToken(text: string): boolean {
  return /^[\x21-\x7e]{1,16384}$/.test(text);
}

function parse(body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

/** What others wait for too goes on when one of them gives up. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(asHubError(signal.reason));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
