// A hub with several workers, seen from outside: their processes, and connections that are known to end at a certain
// one of them.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { Agent, request } from 'node:http';
import type { Socket } from 'node:net';
import type { Hub } from './hub';
import { mcpHeaders } from './hub-client';
import { until } from './until';

export interface LineAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the hub says
  json: any;
}

/** One connection to the hub, kept open. */
export interface Line {
  /** Of the worker that took the connection. */
  pid: number;
  send(method: string, body?: object, headers?: Record<string, string>): Promise<LineAnswer>;
  /** Opens the event stream of a GET on this connection. */
  listen(headers: Record<string, string>, heard: (text: string) => void): { opened: Promise<void>; end(): void };
  close(): void;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // it has ended
  }
}

export function parentOf(pid: number): number {
  return Number(/^PPid:\s*(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1]);
}

export function isAlive(pid: number): boolean {
  const state = /^State:\s*(\w)/m.exec(read(`/proc/${pid}/status`))?.[1];
  return state !== undefined && state !== 'Z';
}

/** Processes whose command line holds the word, zombies aside. */
export function running(word: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => read(`/proc/${pid}/cmdline`).includes(word) && isAlive(pid));
}

/** Pids of the hub's workers, oldest first. */
export function workersOf(hub: Hub): number[] {
  const primary = hub.pid('worker');
  return running('dist/worker.mjs').filter((pid) => parentOf(pid) === primary);
}

/** The worker that holds our socket's other end. */
function holderOf(hub: Hub, { localPort }: Socket): number | undefined {
  const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, '0');
  const line = read('/proc/net/tcp')
    .split('\n')
    .map((row) => row.trim().split(/\s+/))
    .find(([, local, remote]) => local?.endsWith(`:${hex(hub.port)}`) && remote?.endsWith(`:${hex(localPort ?? 0)}`));
  const socket = `socket:[${line?.[9]}]`;
  return workersOf(hub).find((pid) => {
    try {
      return readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === socket);
    } catch {
      return false;
    }
  });
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** A connection to whichever worker takes it. */
async function openLine(hub: Hub): Promise<Line> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let socket: Socket | undefined;
  const send = (method: string, body?: object, headers: Record<string, string> = {}) =>
    new Promise<LineAnswer>((resolve, reject) => {
      const text = body && JSON.stringify(body);
      const sent = request(hub.mcpUrl, {
        method,
        agent,
        headers: {
          ...mcpHeaders,
          authorization: `Bearer ${hub.apiKey}`,
          ...(text && { 'content-length': String(Buffer.byteLength(text)) }),
          ...headers,
        },
      });
      sent.on('socket', (used) => {
        socket ??= used;
        if (socket !== used) reject(new Error('the connection was lost'));
      });
      sent.on('error', reject);
      sent.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const received = Buffer.concat(chunks).toString('utf8');
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: received,
            json: parse(received),
          });
        });
      });
      sent.end(text);
    });
  await send('OPTIONS');
  if (!socket) throw new Error('no connection');
  return {
    pid: holderOf(hub, socket) ?? 0,
    send,
    listen(headers, heard) {
      const sent = request(hub.mcpUrl, {
        agent,
        headers: { accept: 'text/event-stream', authorization: `Bearer ${hub.apiKey}`, ...headers },
      });
      const opened = new Promise<void>((resolve, reject) => {
        sent.on('error', reject);
        sent.on('response', (response) => {
          response
            .setEncoding('utf8')
            .on('data', heard)
            .on('error', () => {});
          if (response.statusCode === 200) resolve();
          else reject(new Error(`no stream: ${response.statusCode}`));
        });
      });
      sent.end();
      return { opened, end: () => void sent.destroy() };
    },
    close: () => agent.destroy(),
  };
}

/** The body, or the last message of an event stream. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text.startsWith('{') ? text : (text.trim().split('\ndata: ').at(-1) ?? ''));
  } catch {
    return undefined;
  }
}

/** A connection to each of these workers. */
export async function linesTo(hub: Hub, pids: number[]): Promise<Line[]> {
  const lines = new Map<number, Line>();
  await until(async () => {
    const line = await openLine(hub);
    if (pids.includes(line.pid) && !lines.has(line.pid)) lines.set(line.pid, line);
    else line.close();
    return lines.size === pids.length;
  }, 10_000);
  return pids.flatMap((pid) => lines.get(pid) ?? []);
}

let lastId = 0;

/** What an MCP client says on one line. */
export function speak(line: Line, session?: string) {
  const headers: Record<string, string> = session ? { 'mcp-session-id': session } : {};
  const request = (method: string, params: object = {}, id: string | number = `r${++lastId}`) =>
    line.send('POST', { jsonrpc: '2.0', id, method, params }, headers);
  return {
    request,
    call: (name: string, args: object = {}, id?: string) => request('tools/call', { name, arguments: args }, id),
    notify: (method: string, params: object) => line.send('POST', { jsonrpc: '2.0', method, params }, headers),
    end: () => line.send('DELETE', undefined, headers),
    async open(capabilities: object = {}): Promise<string> {
      const params = { protocolVersion: '2025-06-18', capabilities, clientInfo: { name: 'test', version: '1' } };
      const answer = await request('initialize', params);
      return String(answer.headers['mcp-session-id']);
    },
  };
}
