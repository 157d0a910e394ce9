// A whole hub: what is revoked is out within a second, on REST, pages, sockets and calls under way.
import { join } from 'node:path';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../../../scripts/prepare.mjs';
import { type Hub, startHub } from '../../support/hub';
import { type Answer, openSession, read, rest, statuses } from '../../support/hub-client';
import { until } from '../../support/until';

const program = join(root, 'tests/support/servers/stdio.mjs');
const password = 'a long password of ada';
const promiseMs = 1_000;

let hub: Hub;
let ada: { id: string; key: string };

const ask = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
  rest(hub, method, path, body, headers);

/** As a page of the hub asks, with a browser's cookie. */
async function browse(cookie: string, method: string, path: string, body?: unknown): Promise<Answer> {
  return read(
    await fetch(hub.url + path, {
      method,
      redirect: 'manual',
      headers: { cookie, origin: hub.url, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }),
  );
}

/** Signs in by the sign-in machinery. @returns the cookie, and what was set */
async function signIn(username: string, given: string): Promise<{ cookie: string; set: string[] }> {
  const csrf = await read(await fetch(`${hub.url}/api/auth/csrf`));
  const jar = csrf.headers.getSetCookie().map((each) => each.split(';')[0]);
  const answer = await fetch(`${hub.url}/api/auth/callback/credentials`, {
    method: 'POST',
    redirect: 'manual',
    headers: { origin: hub.url, cookie: jar.join('; '), 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ username, password: given, csrfToken: csrf.json.csrfToken, json: 'true' }),
  });
  const set = answer.headers.getSetCookie().filter((each) => each.startsWith('next-auth.session-token='));
  return { cookie: set.map((each) => each.split(';')[0]).join('; '), set };
}

async function watch(cookie: string): Promise<Socket> {
  const extraHeaders = { cookie, origin: hub.url };
  const socket = io(`${hub.url}/live`, { transports: ['websocket'], reconnection: false, extraHeaders });
  await new Promise<void>((resolve, reject) => {
    socket.once('live.rooms', () => resolve());
    socket.once('connect_error', reject);
  });
  return socket;
}

const sessionsOf = async (cookie: string) => (await browse(cookie, 'GET', '/api/v1/me/sessions')).json.data;

beforeAll(async () => {
  hub = await startHub({
    web: true,
    config: { mcpServers: { slow: { command: process.execPath, args: [program] } } },
  });
  await until(async () => (await statuses(hub)).slow?.state === 'ready', 20_000, hub.logs);
  const made = (await ask('POST', '/users', { username: 'ada', roles: ['admin'] })).json;
  const chosen = await browse('', 'POST', '/api/v1/password-reset', { token: made.link.token, newPassword: password });
  expect(chosen.status, chosen.text).toBe(200);
  const { cookie } = await signIn('ada', password);
  const key = (await browse(cookie, 'POST', '/api/v1/keys', { name: 'cli' })).json.secret;
  ada = { id: made.user.id, key };
}, 300_000);

afterAll(() => hub?.stop());

it('the cookie is for the server alone, and every sign-in has a session of its own', async () => {
  const one = await signIn('ada', password);
  const other = await signIn('ada', password);
  expect(one.set[0]).toMatch(/; HttpOnly/i);
  expect(one.set[0]).toMatch(/; SameSite=Lax/i);
  expect(one.set[0]).not.toMatch(/; Secure/i); // this hub is on http
  const ids = (await sessionsOf(other.cookie)).map(({ id }: { id: string }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const again = await read(await fetch(`${hub.url}/api/auth/session`, { headers: { cookie: one.cookie } }));
  expect(again.json).not.toEqual({});
});

describe('within a second of its end', () => {
  it('a session is out on REST, on pages, on its socket and in its calls, and others go on', async () => {
    const { cookie } = await signIn('ada', password);
    const other = await signIn('ada', password);
    const [socket, otherSocket] = [await watch(cookie), await watch(other.cookie)];
    const call = { server: 'slow', tool: 'sleep', arguments: { ms: 60_000 } };
    const running = browse(cookie, 'POST', '/api/v1/tools/call', call);
    await until(async () => (await ask('GET', '/hub')).json.worker.inflight === 1, 10_000, hub.logs);
    const current = (await sessionsOf(cookie)).find(({ isCurrent }: { isCurrent: boolean }) => isCurrent);
    const gone = new Promise<number>((resolve) => socket.once('disconnect', () => resolve(performance.now())));
    const at = performance.now();
    expect((await browse(other.cookie, 'DELETE', `/api/v1/me/sessions/${current.id}`)).status).toBe(204);
    expect((await browse(cookie, 'GET', '/api/v1/me')).status).toBe(401);
    const page = await browse(cookie, 'GET', '/servers');
    expect([page.status, page.headers.get('location')]).toEqual([307, expect.stringContaining('/signin')]);
    expect((await running).status).toBe(401);
    const ends = [await gone, performance.now()].map((end) => Math.round(end - at));
    expect(Math.max(...ends)).toBeLessThan(promiseMs);
    await until(async () => (await ask('GET', '/hub')).json.worker.inflight === 0, promiseMs, hub.logs);
    expect(otherSocket.connected).toBe(true);
    expect((await browse(other.cookie, 'GET', '/api/v1/me')).status).toBe(200);
    otherSocket.close();
  });

  it('a user who is disabled is out with browsers, keys and running MCP calls', async () => {
    const { cookie } = await signIn('ada', password);
    const socket = await watch(cookie);
    const session = await openSession(hub, { key: ada.key, endpoint: '/slow' });
    const running = session.call('sleep', { ms: 60_000 });
    await until(async () => (await ask('GET', '/hub')).json.worker.inflight === 1, 10_000, hub.logs);
    const gone = new Promise<void>((resolve) => socket.once('disconnect', () => resolve()));
    const at = performance.now();
    expect((await ask('PATCH', `/users/${ada.id}`, { disabled: true })).status).toBe(200);
    expect((await browse(cookie, 'GET', '/api/v1/me')).status).toBe(401);
    const byKey = { authorization: `Bearer ${ada.key}` };
    expect((await ask('GET', '/me', undefined, byKey)).status).toBe(401);
    expect((await session.request('tools/list')).status).toBe(401);
    expect(JSON.stringify((await running).json)).toContain('error');
    await gone;
    expect(performance.now() - at).toBeLessThan(promiseMs);
    expect((await signIn('ada', password)).cookie).toBe('');
    await ask('PATCH', `/users/${ada.id}`, { disabled: false });
    expect((await browse(cookie, 'GET', '/api/v1/me')).status).toBe(401);
    expect((await ask('GET', '/me', undefined, byKey)).status).toBe(200);
  });
});
