// A browser as far as sign-in goes: keeps cookies of each host, follows redirects, and has an Origin for its writes.
import assert from 'node:assert/strict';

export interface Visit {
  /** Where the redirects ended. */
  url: URL;
  status: number;
  text: string;
  /** All addresses on the way, in order. */
  trail: string[];
}

export interface Visitor {
  /** Follows redirects. @param until stops before an address that it matches, which is then the visit's */
  go(url: string, options?: { until?: RegExp }): Promise<Visit>;
  /** Asks once. */
  send(url: string, init?: RequestInit): Promise<Response>;
  /** Asks the hub's REST API as its own page does. */
  api(hub: string, path: string, init?: { method?: string; body?: unknown }): Promise<Response>;
  /** Begins a sign-in as the button does. @returns the provider's address */
  begin(hub: string, provider: string, next?: string): Promise<Response>;
  /** Goes through a whole sign-in. */
  signIn(hub: string, provider: string, next?: string): Promise<Visit>;
  /** Whose session the hub knows this browser by; null: nobody's. */
  whoami(hub: string): Promise<string | null>;
  cookies(url: string): Map<string, string>;
}

/** @param elsewhere origin → the address where its stand-in is */
export function createVisitor(elsewhere: Record<string, string> = {}): Visitor {
  const jars = new Map<string, Map<string, string>>();
  const jarOf = (url: string) => {
    const { host } = new URL(url);
    const jar = jars.get(host) ?? new Map<string, string>();
    jars.set(host, jar);
    return jar;
  };

  async function send(url: string, init: RequestInit = {}): Promise<Response> {
    const jar = jarOf(url);
    const headers = new Headers(init.headers);
    if (jar.size > 0) headers.set('cookie', [...jar].map(([name, value]) => `${name}=${value}`).join('; '));
    const { origin, host } = new URL(url);
    const standIn = elsewhere[origin];
    if (standIn) {
      headers.set('x-forwarded-host', host);
      headers.set('x-forwarded-proto', 'https');
    }
    const target = standIn ? url.replace(origin, standIn) : url;
    const response = await fetch(target, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
      const at = pair.indexOf('=');
      const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
      const isOver = attributes.some((each) => {
        const [key = '', text = ''] = each.split('=');
        if (/^max-age$/i.test(key)) return Number(text) <= 0;
        return /^expires$/i.test(key) && Date.parse(text) <= Date.now();
      });
      if (isOver || value === '') jar.delete(name);
      else jar.set(name, value);
    }
    return response;
  }

  const visitor: Visitor = {
    send,
    cookies: jarOf,
    async go(start, { until } = {}) {
      const trail: string[] = [];
      for (let url = start; trail.length < 20; ) {
        trail.push(url);
        if (until?.test(url)) return { url: new URL(url), status: 0, text: '', trail };
        const response = await send(url, { headers: { accept: 'text/html' } });
        const location = response.headers.get('location');
        if (response.status < 300 || response.status >= 400 || !location) {
          return { url: new URL(url), status: response.status, text: await response.text(), trail };
        }
        await response.body?.cancel();
        url = new URL(location, url).href;
      }
      throw new Error(`too many redirects: ${trail.join(' ')}`);
    },
    api: (hub, path, { method = 'GET', body } = {}) =>
      send(`${hub}/api/v1${path}`, {
        method,
        headers: { origin: hub, ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    async begin(hub, provider, next = '/') {
      const csrf = (await (await send(`${hub}/api/auth/csrf`)).json()) as { csrfToken: string };
      return send(`${hub}/api/auth/signin/${provider}`, {
        method: 'POST',
        headers: { origin: hub, 'content-type': 'application/json' },
        body: JSON.stringify({ csrfToken: csrf.csrfToken, callbackUrl: next, json: 'true' }),
      });
    },
    async signIn(hub, provider, next) {
      const response = await visitor.begin(hub, provider, next);
      assert.equal(response.status, 200, await response.clone().text());
      return visitor.go(((await response.json()) as { url: string }).url);
    },
    async whoami(hub) {
      const response = await visitor.api(hub, '/me');
      const me = (await response.json()) as { name?: string };
      return response.status === 200 ? (me.name ?? null) : null;
    },
  };
  return visitor;
}
