// Requests of revision 2026-07-28 for tests: raw ones, of which every part can be made wrong, and the official client.
import { Client, type ClientOptions, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { TestGateway } from './gateway';

type Json = Record<string, unknown>;

export const modernVersion = '2026-07-28';
const prefix = 'io.modelcontextprotocol/';

export interface ModernOptions {
  path?: string;
  key?: string | null;
  id?: string | number;
  /** Changes the envelope; undefined leaves a field out. */
  meta?: Json;
  capabilities?: Json;
  /** Changes the headers; null leaves one out. */
  headers?: Record<string, string | null>;
  signal?: AbortSignal;
}

const names: Record<string, string> = { 'tools/call': 'name', 'prompts/get': 'name', 'resources/read': 'uri' };

/** Sends one request as a client of this revision does. */
export function modernPost(
  { url }: Pick<TestGateway, 'url'>,
  method: string,
  params: Json = {},
  { path = '/api/mcp', key = 'key-a', id = 1, meta, capabilities = {}, headers, signal }: ModernOptions = {},
): Promise<Response> {
  const source = names[method];
  const name = source && params[source];
  const all: Record<string, string | null> = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    authorization: key === null ? null : `Bearer ${key}`,
    'mcp-protocol-version': modernVersion,
    'mcp-method': method,
    ...(typeof name === 'string' && { 'mcp-name': name }),
    ...headers,
  };
  const _meta = {
    [`${prefix}protocolVersion`]: modernVersion,
    [`${prefix}clientCapabilities`]: capabilities,
    [`${prefix}clientInfo`]: { name: 'raw', version: '1' },
    ...meta,
  };
  return fetch(url + path, {
    method: 'POST',
    headers: Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== null)),
    body: JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta } }),
    ...(signal && { signal }),
  });
}

/** The result of a request that is answered with one; fails for anything else. */
export async function modernResult(...args: Parameters<typeof modernPost>): Promise<Json> {
  const response = await modernPost(...args);
  const answer = (await lastMessage(response)) as { result?: Json };
  if (!answer.result) throw new Error(`${args[1]} gave ${response.status}: ${JSON.stringify(answer)}`);
  return answer.result;
}

/** All messages of a response, whether it is JSON or an event stream. */
export async function messagesOf(response: Response): Promise<Json[]> {
  const text = await response.text();
  if (response.headers.get('content-type') !== 'text/event-stream') return [JSON.parse(text)];
  return text
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice('data: '.length)));
}

export async function lastMessage(response: Response): Promise<Json | undefined> {
  return (await messagesOf(response)).at(-1);
}

/** A connected client of the official SDK that speaks this revision only. */
export async function modernClient(
  { url }: Pick<TestGateway, 'url'>,
  { path = '/api/mcp', key = 'key-a', ...options }: ClientOptions & { path?: string; key?: string } = {},
): Promise<Client> {
  const transport = new StreamableHTTPClientTransport(new URL(url + path), {
    requestInit: { headers: { authorization: `Bearer ${key}` } },
  });
  const client = new Client(
    { name: 'test', version: '1' },
    { versionNegotiation: { mode: { pin: modernVersion } }, ...options },
  );
  await client.connect(transport);
  return client;
}
