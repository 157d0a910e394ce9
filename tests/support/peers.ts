// A client of either era behind one shape, so that a table can put the same questions to both. Both are official clients,
// asked with a schema that lets everything pass.
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { modernVersion } from './modern';
import type { ReferenceEra } from './reference';

type Json = Record<string, unknown>;

export interface PeerOptions {
  key: string;
  /** Default: all that the tests ask with. */
  capabilities?: Json;
  /** Answers the questions of servers. */
  answer?: (method: string, params: Json) => Json;
}

export interface AskOptions {
  onProgress?: (progress: number) => void;
  signal?: AbortSignal;
}

export interface Peer {
  era: ReferenceEra;
  /** @returns the whole result but for what the revision itself adds. @throws with `code` for an error */
  ask(method: string, params?: Json, options?: AskOptions): Promise<Json>;
  /** Notifications that came, oldest first. */
  heard: { method: string; params: Json }[];
  /** Wants to hear of changed lists, and of updates of these resources. */
  listen(uris: string[]): Promise<void>;
  /** Wants log messages of at least this level. */
  wantLogs(level: string): Promise<void>;
  close(): Promise<void>;
}

const anything = z.looseObject({});
const everything = {
  sampling: {},
  elicitation: { form: {}, url: {} },
  roots: { listChanged: true },
  extensions: { 'io.modelcontextprotocol/ui': { mimeTypes: ['text/html;profile=mcp-app'] } },
};
const info = { name: 'peer', version: '1' };

export function connectPeer(era: ReferenceEra, url: string, options: PeerOptions): Promise<Peer> {
  return era === 'modern' ? connectModern(url, options) : connectLegacy(url, options);
}

async function connectLegacy(url: string, { key, capabilities = everything, answer }: PeerOptions): Promise<Peer> {
  const client = new LegacyClient(info, { capabilities });
  const heard: Peer['heard'] = [];
  client.fallbackNotificationHandler = async ({ method, params }) => void heard.push({ method, params: params ?? {} });
  if (answer) {
    if (capabilities.elicitation)
      client.setRequestHandler(ElicitRequestSchema, ({ method, params }) => answer(method, params) as never);
    if (capabilities.sampling)
      client.setRequestHandler(CreateMessageRequestSchema, ({ method, params }) => answer(method, params) as never);
    if (capabilities.roots)
      client.setRequestHandler(ListRootsRequestSchema, ({ method }) => answer(method, {}) as never);
  }
  const headers = { authorization: `Bearer ${key}` };
  await client.connect(new LegacyTransport(new URL(url), { requestInit: { headers } }));
  return {
    era: 'legacy',
    heard,
    ask: (method, params = {}, { onProgress, signal } = {}) =>
      client.request({ method, params }, anything, {
        ...(onProgress && { onprogress: ({ progress }) => onProgress(progress) }),
        ...(signal && { signal }),
      }),
    async listen(uris) {
      for (const uri of uris) await client.subscribeResource({ uri });
    },
    async wantLogs(level) {
      await client.setLoggingLevel(level as 'debug');
    },
    close: () => client.close(),
  };
}

const logLevelKey = 'io.modelcontextprotocol/logLevel';
const addedByRevision = new Set(['resultType', 'ttlMs', 'cacheScope']);
const serverInfoKey = 'io.modelcontextprotocol/serverInfo';

/** Without the fields that 2026-07-28 itself adds to a result (basic, "Results"; server/utilities/caching). */
export function plainResult(result: Json): Json {
  const { _meta, ...rest } = Object.fromEntries(Object.entries(result).filter(([key]) => !addedByRevision.has(key)));
  const meta = Object.fromEntries(Object.entries((_meta ?? {}) as Json).filter(([key]) => key !== serverInfoKey));
  return { ...rest, ...(Object.keys(meta).length > 0 && { _meta: meta }) };
}

async function connectModern(url: string, { key, capabilities = everything, answer }: PeerOptions): Promise<Peer> {
  const client = new ModernClient(info, { capabilities, versionNegotiation: { mode: { pin: modernVersion } } });
  const heard: Peer['heard'] = [];
  client.fallbackNotificationHandler = async ({ method, params }) => void heard.push({ method, params: params ?? {} });
  if (answer) {
    if (capabilities.elicitation)
      client.setRequestHandler('elicitation/create', ({ method, params }) => answer(method, params) as never);
    if (capabilities.sampling)
      client.setRequestHandler('sampling/createMessage', ({ method, params }) => answer(method, params) as never);
    if (capabilities.roots) client.setRequestHandler('roots/list', ({ method }) => answer(method, {}) as never);
  }
  const headers = { authorization: `Bearer ${key}` };
  await client.connect(new ModernTransport(new URL(url), { requestInit: { headers } }));
  let level: string | undefined;
  const subscriptions: { close(): Promise<void> }[] = [];
  return {
    era: 'modern',
    heard,
    async ask(method, params = {}, { onProgress, signal } = {}) {
      const meta = { ...(params._meta as Json), ...(level && { [logLevelKey]: level }) };
      const all = Object.keys(meta).length > 0 ? { ...params, _meta: meta } : params;
      const result = await client.request({ method, params: all }, anything, {
        ...(onProgress && { onprogress: ({ progress }) => onProgress(progress) }),
        ...(signal && { signal }),
      });
      return plainResult(result);
    },
    async listen(resourceSubscriptions) {
      const lists = { toolsListChanged: true, promptsListChanged: true };
      subscriptions.push(await client.listen({ ...lists, resourceSubscriptions }));
    },
    async wantLogs(wanted) {
      level = wanted;
    },
    async close() {
      await Promise.all(subscriptions.map((each) => each.close()));
      await client.close();
    },
  };
}
