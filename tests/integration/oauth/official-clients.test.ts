// The official clients of both SDKs with a running hub, from its URL alone: they find out where to sign in, register, are
// allowed, call, renew what expired, and stop when it is taken back.
import { join } from 'node:path';
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { and, eq } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { oauthRecords } from '../../../drizzle/schema';
import { hashSecret } from '../../../lib/access/secrets';
import { createControlClient } from '../../../lib/control';
import { type Database, openDatabase } from '../../../lib/db';
import { socketPaths } from '../../../lib/env';
import { root } from '../../../scripts/prepare.mjs';
import { silentLog } from '../../support/database';
import { type Hub, startHub } from '../../support/hub';
import { untilShown } from '../../support/hub-client';
import { postForm, userIdOf } from '../../support/oauth-client';
import { allow, Memory } from '../../support/oauth-person';

let hub: Hub;
let database: Database;

beforeAll(async () => {
  const program = join(root, 'tests/support/servers/stdio.mjs');
  hub = await startHub({ config: { mcpServers: { one: { command: process.execPath, args: [program, 'good'] } } } });
  const { databaseDir } = socketPaths(hub.dataDir);
  database = await openDatabase({ url: undefined, socketDir: databaseDir, log: silentLog, wait: false });
  await untilShown(hub, 'one', ({ state }) => state === 'ready', 30_000);
});
afterAll(async () => {
  await database?.close();
  await hub?.stop();
});

interface Session {
  call(name: string): Promise<unknown>;
  list(): Promise<unknown>;
  close(): Promise<void>;
}
interface Attempt {
  /** Rejects where the user has to sign in. */
  connect(): Promise<Session>;
  finish(params: URLSearchParams): Promise<void>;
}

/** The last: whether a client that may not do something renews what it has, as long as it can, in place of asking for more. */
const clients: [string, (url: URL, memory: Memory) => Attempt, boolean][] = [
  [
    'sdk 1.32',
    (url, authProvider) => {
      const open = () => new StreamableHTTPClientTransport(url, { authProvider });
      const first = open();
      return {
        async connect() {
          const client = new Client({ name: 'official', version: '1' });
          await client.connect(open());
          return {
            call: (name) => client.callTool({ name, arguments: { text: 'hello' } }),
            list: () => client.listTools(),
            close: () => client.close(),
          };
        },
        finish: (params) => first.finishAuth(params.get('code') ?? ''),
      };
    },
    true,
  ],
  [
    'sdk 2.4, 2026-07-28',
    (url, authProvider) => {
      const open = () => new ModernTransport(url, { authProvider: authProvider as never });
      const first = open();
      return {
        async connect() {
          const options = { versionNegotiation: { mode: { pin: '2026-07-28' } } };
          const client = new ModernClient({ name: 'official', version: '1' }, options);
          await client.connect(open());
          return {
            call: (name) => client.callTool({ name, arguments: { text: 'hello' } }),
            list: () => client.listTools(),
            close: () => client.close(),
          };
        },
        finish: (params) => first.finishAuth(params),
      };
    },
    false,
  ],
];

/** Makes the access token of now one of long ago. */
async function expire(token: string): Promise<void> {
  await database.db
    .update(oauthRecords)
    .set({ expiresAt: new Date(Date.now() - 1000) })
    .where(and(eq(oauthRecords.model, 'AccessToken'), eq(oauthRecords.idHash, hashSecret(token))));
  const control = createControlClient(socketPaths(hub.dataDir).worker);
  await control.call('events.deliver', { name: 'access.changed', payload: { userId: await userIdOf(hub) } });
}

const isCalled = { content: [expect.objectContaining({ text: expect.stringContaining('hello') })] };

describe.each(clients)('the client of %s', (_name, make, renewsFirst) => {
  it('goes from 401 to a tool, renews, and is asked again once its access is taken back', async () => {
    const memory = new Memory();
    const attempt = make(new URL(hub.mcpUrl), memory);
    await expect(attempt.connect()).rejects.toThrow(/authorized/i);
    const [asked] = memory.asked;
    expect(asked?.origin).toBe(hub.url);
    expect(asked?.searchParams.get('resource')).toBe(hub.mcpUrl);
    expect(asked?.searchParams.get('scope')).toBe('mcp:call');
    expect(asked?.searchParams.get('code_challenge_method')).toBe('S256');
    const params = await allow(hub, asked as URL);
    expect(params.get('state')).toBe('the state of the client');
    await attempt.finish(params);

    const session = await attempt.connect();
    expect(await session.call('one__echo')).toMatchObject(isCalled);
    const { access_token: before = '', refresh_token: refreshToken = '' } = memory.given ?? {};
    await expire(before);
    expect(await session.call('one__echo')).toMatchObject(isCalled);
    expect(memory.given?.access_token).not.toBe(before);
    expect(memory.given?.refresh_token).not.toBe(refreshToken);
    expect(memory.asked).toHaveLength(1);

    const clientId = memory.client?.client_id ?? '';
    const revoked = await postForm(`${hub.url}/oauth/revoke`, {
      client_id: clientId,
      token: memory.given?.refresh_token ?? '',
      token_type_hint: 'refresh_token',
    });
    expect(revoked.status).toBe(200);
    await expect(session.call('one__echo')).rejects.toThrow();
    expect(memory.asked).toHaveLength(2);
    await session.close();
  });

  it.each(['client_secret_basic', 'client_secret_post'])(
    'with %s gets a secret that it has to show each time',
    async (method) => {
      const memory = new Memory(undefined, 'Agent on a server', method);
      const attempt = make(new URL(hub.mcpUrl), memory);
      await expect(attempt.connect()).rejects.toThrow(/authorized/i);
      const {
        client_id: clientId,
        client_secret: secret = '',
        ...about
      } = memory.client as unknown as Record<string, string>;
      expect([secret.length, about]).toEqual([
        43,
        expect.objectContaining({ token_endpoint_auth_method: method, client_secret_expires_at: 0 }),
      ]);
      const rows = await database.db
        .select()
        .from(oauthRecords)
        .where(eq(oauthRecords.clientId, clientId ?? ''));
      expect(rows.length).toBeGreaterThan(0);
      expect(JSON.stringify(rows)).not.toContain(secret);

      await attempt.finish(await allow(hub, memory.asked[0] as URL));
      const session = await attempt.connect();
      expect(await session.call('one__echo')).toMatchObject(isCalled);
      const { access_token: before = '', refresh_token: token = '' } = memory.given ?? {};
      const proofs = [{}, { client_secret: 'x'.repeat(43) }, { client_secret: hashSecret(secret) }];
      for (const proof of proofs) {
        const fields = { grant_type: 'refresh_token', refresh_token: token, client_id: clientId ?? '', ...proof };
        const { status, json } = await postForm(`${hub.url}/oauth/token`, fields as Record<string, string>);
        expect([status, json.error]).toEqual([401, 'invalid_client']);
        expect((await postForm(`${hub.url}/oauth/revoke`, { ...fields, token } as never)).status).toBe(401);
      }
      // Whoever does not know the secret has ended nothing by trying.
      await expire(before);
      expect(await session.call('one__echo')).toMatchObject(isCalled);
      expect([memory.given?.access_token === before, memory.asked.length]).toEqual([false, 1]);
      await session.close();
    },
  );

  it('that may only read asks for more where a tool needs it, and goes on in the same session', async () => {
    const memory = new Memory();
    const attempt = make(new URL(hub.mcpUrl), memory);
    await expect(attempt.connect()).rejects.toThrow(/authorized/i);
    const [first] = memory.asked as [URL];
    first.searchParams.set('scope', 'mcp:read');
    await attempt.finish(await allow(hub, first));
    expect(memory.given?.scope).toBe('mcp:read');
    const session = await attempt.connect();
    if (renewsFirst) {
      await expect(session.call('one__echo')).rejects.toThrow(/403 after trying upscoping/);
      expect(memory.asked).toHaveLength(1);
      delete memory.given?.refresh_token;
      // It tries each refusal once, until something is answered again.
      await session.list();
    }
    await expect(session.call('one__echo')).rejects.toThrow(/authorized/i);
    expect(memory.asked).toHaveLength(2);
    expect(memory.asked[1]?.searchParams.get('scope')?.split(' ')).toContain('mcp:call');
    await attempt.finish(await allow(hub, memory.asked[1] as URL));
    expect(await session.call('one__echo')).toMatchObject(isCalled);
    expect(memory.asked).toHaveLength(2);
    await session.close();
  });

  it('is led to the one endpoint that it was given, and its token opens no other', async () => {
    const memory = new Memory();
    const attempt = make(new URL(`${hub.mcpUrl}/one`), memory);
    await expect(attempt.connect()).rejects.toThrow(/authorized/i);
    expect(memory.asked[0]?.searchParams.get('resource')).toBe(`${hub.mcpUrl}/one`);
    await attempt.finish(await allow(hub, memory.asked[0] as URL));
    const session = await attempt.connect();
    expect(await session.call('echo')).toMatchObject(isCalled);
    await session.close();
    const elsewhere = await fetch(hub.mcpUrl, {
      method: 'POST',
      headers: { authorization: `Bearer ${memory.given?.access_token}` },
    });
    expect(elsewhere.status).toBe(401);
  });
});
