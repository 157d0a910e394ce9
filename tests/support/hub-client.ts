// A client of a real hub: raw MCP over HTTP, REST with the key, and bytes on a socket. It parses and decides nothing, so
// that a test sees the very answer.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createControlClient } from '../../lib/control';
import { socketPaths } from '../../lib/env';
import type { ServerStatus } from '../../lib/servers/schema';
import type { Hub } from './hub';
import { until } from './until';

export const mcpHeaders = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
};

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The JSON of the body; undefined when it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it freely
  json: any;
}

export async function read(response: Response): Promise<Answer> {
  const text = await response.text();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: response.status, headers: response.headers, text, json };
}

/** One session on an MCP endpoint. */
export interface McpSession {
  id: string;
  post(message: object, signal?: AbortSignal): Promise<Answer>;
  request(method: string, params?: object): Promise<Answer>;
  call(name: string, args?: object): Promise<Answer>;
  /** Names of all tools, every page read. */
  tools(): Promise<string[]>;
  end(): Promise<Answer>;
}

let lastId = 0;

export async function openSession(
  { mcpUrl, apiKey }: Pick<Hub, 'mcpUrl' | 'apiKey'>,
  { key = apiKey, endpoint = '' }: { key?: string; endpoint?: string } = {},
): Promise<McpSession> {
  const url = mcpUrl + endpoint;
  const headers = { ...mcpHeaders, authorization: `Bearer ${key}` };
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } };
  const opened = await read(
    await fetch(url, {
      method: 'POST',
      headers,
      body: JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params }),
    }),
  );
  const id = opened.headers.get('mcp-session-id');
  if (!id) throw new Error(`no session: ${opened.status} ${opened.text}`);
  return resumeSession({ mcpUrl, apiKey }, id, { key, endpoint });
}

/** A session by its id, as a client has it that knows nothing of a restart. */
export function resumeSession(
  { mcpUrl, apiKey }: Pick<Hub, 'mcpUrl' | 'apiKey'>,
  id: string,
  { key = apiKey, endpoint = '' }: { key?: string; endpoint?: string } = {},
): McpSession {
  const headers = { ...mcpHeaders, authorization: `Bearer ${key}`, 'mcp-session-id': id };
  const send = async (init: RequestInit) => read(await fetch(mcpUrl + endpoint, { headers, ...init }));
  const post = (message: object, signal?: AbortSignal) =>
    send({ method: 'POST', body: JSON.stringify(message), ...(signal && { signal }) });
  const request = (method: string, params: object = {}) => {
    lastId += 1;
    return post({ jsonrpc: '2.0', id: lastId, method, params });
  };
  return {
    id,
    post,
    request,
    call: (name, args = {}) => request('tools/call', { name, arguments: args }),
    async tools() {
      const names: string[] = [];
      let cursor: string | undefined;
      do {
        const { json } = await request('tools/list', cursor === undefined ? {} : { cursor });
        names.push(...json.result.tools.map((tool: { name: string }) => tool.name));
        cursor = json.result.nextCursor;
      } while (cursor);
      return names;
    },
    end: () => send({ method: 'DELETE' }),
  };
}

/** REST with the key of the first admin; `init.headers` come on top. */
export async function rest(
  { url, apiKey }: Pick<Hub, 'url' | 'apiKey'>,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return read(
    await fetch(`${url}/api/v1${path}`, {
      method,
      redirect: 'manual',
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    }),
  );
}

/** What the worker knows of its servers, by name; also in a hub without the web program. */
export async function statuses({ dataDir }: Pick<Hub, 'dataDir'>): Promise<Record<string, ServerStatus>> {
  const client = createControlClient(socketPaths(dataDir).worker);
  const { servers } = await client.call('servers.status', {}).catch(() => ({ servers: [] }));
  return Object.fromEntries(servers.map((each) => [each.name, each]));
}

/** Waits until the status of a server passes `check`. @returns that status */
export async function untilShown(
  hub: Pick<Hub, 'dataDir'>,
  name: string,
  check: (status: ServerStatus) => boolean,
  deadlineMs = 10_000,
): Promise<ServerStatus> {
  let last: ServerStatus | undefined;
  await until(
    async () => {
      last = (await statuses(hub))[name];
      return last !== undefined && check(last);
    },
    deadlineMs,
    () => `"${name}" shows ${JSON.stringify(last)}`,
  );
  return last as ServerStatus;
}

/** Faults of the servers file as GET /api/v1/hub tells them. */
export async function configFaults({ dataDir }: Pick<Hub, 'dataDir'>): Promise<string[]> {
  const client = createControlClient(socketPaths(dataDir).worker);
  return (await client.call('hub.stats', {})).configFaults;
}

/** Sends bytes as they are and reads until the other side closes, or `untilMs` have passed. */
export function sendBytes(port: number, bytes: string | Buffer, untilMs = 5_000): Promise<string> {
  return new Promise((resolve) => {
    let received = '';
    const socket = connect(port, '127.0.0.1');
    const timer = setTimeout(() => socket.destroy(), untilMs);
    socket.setEncoding('latin1').on('data', (text) => (received += text));
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(received);
    });
    socket.write(bytes);
  });
}

/** The port on which a process listens, as Linux knows it. */
export function listeningPortOf(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  const inodes = new Set(readdirSync(folder).map((name) => /socket:\[(\d+)\]/.exec(linkOf(join(folder, name)))?.[1]));
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
    const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/);
    if (state === '0A' && inodes.has(inode)) return Number.parseInt(local.split(':')[1] ?? '', 16);
  }
  throw new Error(`process ${pid} listens on no port`);
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // closed in the meantime
  }
}
