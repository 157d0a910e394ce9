// Messages of the Postgres wire protocol 3.0 (PostgreSQL 18, chapter 54) as far as our server must read or write them:
// startup packets, frames of the client, names of prepared statements, errors. No state, no I/O.

/** First bytes of client messages. */
export const frontend = {
  bind: 0x42, // B
  close: 0x43, // C
  copyData: 0x64, // d
  copyDone: 0x63, // c
  copyFail: 0x66, // f
  describe: 0x44, // D
  execute: 0x45, // E
  flush: 0x48, // H
  functionCall: 0x46, // F
  parse: 0x50, // P
  query: 0x51, // Q
  sync: 0x53, // S
  terminate: 0x58, // X
} as const;

const knownTypes: ReadonlySet<number> = new Set(Object.values(frontend));

const readyForQuery = 0x5a; // Z
const idle = 0x49; // I
const copyInResponse = 0x47; // G

const sslRequest = 80877103;
const gssRequest = 80877104;
const cancelRequest = 80877102;
const protocolMajor = 3;
/** MAX_STARTUP_PACKET_LENGTH of PostgreSQL. */
const maxStartupBytes = 10_000;

export type Startup =
  | { kind: 'incomplete' }
  | { kind: 'encryption'; bytes: number }
  | { kind: 'cancel' }
  | { kind: 'start'; bytes: number; minor: number; options: string[] }
  | { kind: 'bad'; reason: string };

/** Reads the packet without a type byte that opens a connection. `options` are the `_pq_.` extensions asked for. */
export function readStartup(buffer: Buffer): Startup {
  if (buffer.length < 8) return { kind: 'incomplete' };
  const length = buffer.readInt32BE(0);
  const code = buffer.readInt32BE(4);
  if (length < 8 || length > maxStartupBytes) return { kind: 'bad', reason: 'invalid length of startup packet' };
  if (code === sslRequest || code === gssRequest) return { kind: 'encryption', bytes: 8 };
  if (code === cancelRequest) return { kind: 'cancel' };
  if (code >>> 16 !== protocolMajor) return { kind: 'bad', reason: 'unsupported frontend protocol' };
  if (buffer.length < length) return { kind: 'incomplete' };
  const names = buffer
    .toString('utf8', 8, length)
    .split('\0')
    .filter((_, index) => index % 2 === 0);
  return {
    kind: 'start',
    bytes: length,
    minor: code & 0xffff,
    options: names.filter((name) => name.startsWith('_pq_.')),
  };
}

export interface Message {
  type: number;
  /** Type byte, length and payload. */
  bytes: Buffer;
}

export interface FrameReader {
  /** Takes bytes in, hands complete messages out. @throws Error with a sentence for the client on a bad frame */
  read(chunk: Buffer): Message[];
}

/** Cuts a byte stream into messages. A message of many chunks is joined once, not once per chunk. */
export function createFrameReader(maxMessageBytes: number): FrameReader {
  let chunks: Buffer[] = [];
  let held = 0;
  let needed = 5;

  return {
    read(chunk) {
      chunks.push(chunk);
      held += chunk.length;
      if (held < needed) return [];
      const buffer = chunks.length === 1 ? chunk : Buffer.concat(chunks, held);
      const messages: Message[] = [];
      let at = 0;
      for (;;) {
        const left = buffer.length - at;
        needed = left < 5 ? 5 : frameBytes(buffer, at, maxMessageBytes);
        if (left < needed) break;
        messages.push({ type: buffer.readUInt8(at), bytes: buffer.subarray(at, at + needed) });
        at += needed;
      }
      held = buffer.length - at;
      chunks = held > 0 ? [buffer.subarray(at)] : [];
      return messages;
    },
  };
}

/** What the backend answers to these with an ERROR is fine; these two it answers with a FATAL, which would end it. */
function frameBytes(buffer: Buffer, at: number, maxMessageBytes: number): number {
  const type = buffer.readUInt8(at);
  const length = buffer.readInt32BE(at + 1);
  if (!knownTypes.has(type)) throw new Error(`invalid frontend message type ${type}`);
  if (length < 4 || length > maxMessageBytes) throw new Error(`invalid message length ${length}`);
  return 1 + length;
}

/** The statement name in a Parse, Bind, Describe or Close message, and where it lies; undefined for other messages. */
export function statementName({ type, bytes }: Message): { name: string; from: number; to: number } | undefined {
  let from: number;
  if (type === frontend.parse) from = 5;
  else if (type === frontend.bind) from = bytes.indexOf(0, 5) + 1;
  else if ((type === frontend.describe || type === frontend.close) && bytes[5] === 0x53) from = 6;
  else return undefined;
  const to = bytes.indexOf(0, from);
  if (from === 0 || to < 0) return undefined;
  return { name: bytes.toString('utf8', from, to), from, to };
}

/** The message with another statement name at the place that `statementName` found. */
export function renameStatement({ type, bytes }: Message, from: number, to: number, name: string): Message {
  const renamed = Buffer.concat([bytes.subarray(0, from), Buffer.from(name), bytes.subarray(to)]);
  renamed.writeInt32BE(renamed.length - 1, 1);
  return { type, bytes: renamed };
}

/** The SQL text of a Query or Parse message; empty for others. */
export function sqlText({ type, bytes }: Message): string {
  if (type === frontend.query) return bytes.toString('utf8', 5, bytes.length - 1);
  if (type !== frontend.parse) return '';
  const from = bytes.indexOf(0, 5) + 1;
  return bytes.toString('utf8', from, Math.max(from, bytes.indexOf(0, from)));
}

function frame(type: string, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(5 + payload.length);
  bytes.write(type, 0);
  bytes.writeInt32BE(4 + payload.length, 1);
  payload.copy(bytes, 5);
  return bytes;
}

export const sync = frame('S', Buffer.alloc(0));
export const query = (text: string) => frame('Q', Buffer.from(`${text}\0`));
export const copyFail = (reason: string) => frame('f', Buffer.from(`${reason}\0`));
export const closeStatement = (name: string) => frame('C', Buffer.from(`S${name}\0`));

/** A whole startup packet of protocol 3.0. */
export function startup(parameters: Record<string, string>): Buffer {
  const pairs = Object.entries(parameters).map(([name, value]) => `${name}\0${value}\0`);
  const body = Buffer.from(`${pairs.join('')}\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + body.length, 0);
  head.writeInt32BE(protocolMajor << 16, 4);
  return Buffer.concat([head, body]);
}

/** NegotiateProtocolVersion: we speak 3.0 and none of the `options`. */
export function negotiate(options: string[]): Buffer {
  const head = Buffer.alloc(8);
  head.writeInt32BE(protocolMajor << 16, 0);
  head.writeInt32BE(options.length, 4);
  return frame('v', Buffer.concat([head, Buffer.from(options.map((name) => `${name}\0`).join(''))]));
}

/** An ErrorResponse that ends the connection. @param state SQLSTATE */
export function fatal(state: string, message: string): Buffer {
  return frame('E', Buffer.from(`SFATAL\0VFATAL\0C${state}\0M${message}\0\0`));
}

/** What the end of the backend's output says: ready and idle, ready inside a transaction, or not ready. */
export function readiness(tail: Buffer): 'idle' | 'transaction' | 'none' {
  if (tail.length < 6 || tail[0] !== readyForQuery) return 'none';
  return tail[5] === idle ? 'idle' : 'transaction';
}

/** The backend's output without the invitation to send COPY data: a client that got it would wait for its turn. */
export function withoutCopyIn(output: Buffer): Buffer {
  const kept: Buffer[] = [];
  for (let at = 0; at + 5 <= output.length; ) {
    const end = at + 1 + output.readInt32BE(at + 1);
    if (output[at] !== copyInResponse) kept.push(output.subarray(at, end));
    at = end;
  }
  return Buffer.concat(kept);
}
