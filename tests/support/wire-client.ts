// A bare client of the Postgres wire protocol: sends exactly the bytes it is told to, for tests of the wire server.
import { connect, type Socket } from 'node:net';
import { startup } from '../../lib/db/embedded/protocol';
import { until } from './until';

export interface WireClient {
  socket: Socket;
  send(...messages: Buffer[]): void;
  /** Waits for `count` more ReadyForQuery; the messages until then as `type` or, for rows and errors, `type:text`. */
  ready(count?: number): Promise<string[]>;
  /** What the server said before it closed the connection. */
  ended(): Promise<string[]>;
}

function message(type: string, ...parts: (string | Buffer)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const head = Buffer.alloc(5);
  head.write(type, 0);
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

const int16 = (value: number) => Buffer.from([value >> 8, value & 0xff]);

export const parse = (name: string, sql: string) => message('P', `${name}\0${sql}\0`, int16(0));
/** Binds text parameters to the unnamed portal. */
export function bind(name: string, ...parameters: string[]): Buffer {
  const values = parameters.map((value) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(Buffer.byteLength(value), 0);
    return Buffer.concat([length, Buffer.from(value)]);
  });
  return message('B', `\0${name}\0`, int16(0), int16(parameters.length), ...values, int16(0));
}
export const describeStatement = (name: string) => message('D', `S${name}\0`);
export const execute = message('E', '\0', Buffer.alloc(4));
export const flush = message('H');
export const terminate = message('X');

/** Reads every whole message at the start of `buffer`. */
function read(buffer: Buffer): { messages: string[]; rest: Buffer } {
  const messages: string[] = [];
  let at = 0;
  while (buffer.length - at >= 5 && buffer.length - at > buffer.readInt32BE(at + 1)) {
    const end = at + 1 + buffer.readInt32BE(at + 1);
    const type = buffer.toString('latin1', at, at + 1);
    if (type === 'D') messages.push(`D:${buffer.toString('utf8', at + 11, end)}`);
    else if (type === 'E') messages.push(`E:${/\0C(.{5})/.exec(buffer.toString('latin1', at, end))?.[1]}`);
    else messages.push(type);
    at = end;
  }
  return { messages, rest: buffer.subarray(at) };
}

/** Connects, and opens a session unless told otherwise. */
export async function connectWire(path: string, open = true): Promise<WireClient> {
  const socket = connect(path);
  let buffer: Buffer = Buffer.alloc(0);
  let messages: string[] = [];
  let closed = false;
  socket.on('data', (data) => {
    const result = read(Buffer.concat([buffer, data]));
    buffer = result.rest;
    messages.push(...result.messages);
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    closed = true;
  });
  const drain = () => messages.splice(0);
  const client: WireClient = {
    socket,
    send: (...parts) => void socket.write(Buffer.concat(parts)),
    async ready(count = 1) {
      const readyNow = () => messages.filter((type) => type === 'Z').length >= count;
      await until(
        () => readyNow() || closed,
        10_000,
        () => `messages so far: ${messages.join(' ')}`,
      );
      return drain();
    },
    async ended() {
      await until(
        () => closed,
        10_000,
        () => 'the server did not close the connection',
      );
      return drain();
    },
  };
  if (open) {
    client.send(startup({ user: 'postgres', database: 'postgres' }));
    messages = (await client.ready()).filter(() => false);
  }
  return client;
}
