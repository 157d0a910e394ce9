// The hub behind a proxy that ends TLS and takes a path away: a client that knows the public URL alone finds everything.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Agent, setGlobalDispatcher } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Hub, startHub } from '../../support/hub';
import { mcpHeaders } from '../../support/hub-client';
import { allow, Memory } from '../../support/oauth-person';
import { proxyCa, startTlsProxy, type TlsProxy } from '../../support/tls-proxy';

let proxy: TlsProxy;
let hub: Hub;

beforeAll(async () => {
  // Of this process alone, which runs nothing but this file.
  setGlobalDispatcher(new Agent({ connect: { ca: proxyCa } }));
  proxy = await startTlsProxy('/tools');
  hub = await startHub({ env: { MCPHUB_PUBLIC_URL: proxy.url } });
  proxy.lead(hub.port);
});
afterAll(async () => {
  await proxy?.close();
  await hub?.stop();
});

const origin = () => new URL(proxy.url).origin;

describe('behind a proxy with a path', () => {
  it('all addresses are below the public URL, whatever the headers of a request say', async () => {
    const lies = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http', forwarded: 'host=evil.example' };
    const challenged = await fetch(`${proxy.url}/api/mcp`, { method: 'POST', headers: { ...mcpHeaders, ...lies } });
    expect([challenged.status, challenged.headers.get('www-authenticate')]).toEqual([
      401,
      `Bearer resource_metadata="${proxy.url}/.well-known/oauth-protected-resource/api/mcp", scope="mcp:call"`,
    ]);
    for (const address of [
      `${proxy.url}/.well-known/oauth-protected-resource/api/mcp`,
      `${origin()}/.well-known/oauth-protected-resource/tools/api/mcp`,
    ]) {
      expect(await (await fetch(address, { headers: lies })).json()).toMatchObject({
        resource: `${proxy.url}/api/mcp`,
        authorization_servers: [proxy.url],
      });
    }
    const metadata = (await (
      await fetch(`${origin()}/.well-known/oauth-authorization-server/tools`, { headers: lies })
    ).json()) as Record<string, unknown>;
    expect(metadata.issuer).toBe(proxy.url);
    const endpoints = Object.entries(metadata).filter(([name]) => name.endsWith('_endpoint'));
    expect(endpoints.length).toBeGreaterThanOrEqual(4);
    for (const [name, value] of endpoints) expect(String(value), name).toMatch(new RegExp(`^${proxy.url}/oauth/`));
  });

  it('the official client goes from 401 to its tools, and its token is for the public URL', async () => {
    const memory = new Memory();
    const url = new URL(`${proxy.url}/api/mcp`);
    const first = new StreamableHTTPClientTransport(url, { authProvider: memory });
    await expect(new Client({ name: 'official', version: '1' }).connect(first)).rejects.toThrow(/authorized/i);
    expect(memory.asked[0]?.href).toMatch(`${proxy.url}/oauth/authorize`);
    expect(memory.asked[0]?.searchParams.get('resource')).toBe(url.href);
    const params = await allow(hub, memory.asked[0] as URL);
    expect(params.get('iss')).toBe(proxy.url);
    await first.finishAuth(params.get('code') ?? '');
    const client = new Client({ name: 'official', version: '1' });
    await client.connect(new StreamableHTTPClientTransport(url, { authProvider: memory }));
    expect((await client.listTools()).tools).toEqual([]);
    await client.close();
  });
});
