// Serves the one backend of PGlite to many clients over the Postgres wire protocol. The backend is pinned to a client
// from its first message until it is idle again, outside a transaction and with nothing half sent: transaction pooling.
// What one client leaves behind must not reach the next: prepared statements get names of our own, an unnamed
// statement is parsed again when somebody else was there between, settings are reset, a vanished client is rolled back.
import { createServer, type Server, type Socket } from 'node:net';
import {
  closeStatement,
  copyFail,
  createFrameReader,
  type FrameReader,
  fatal,
  frontend,
  type Message,
  negotiate,
  query,
  readiness,
  readStartup,
  renameStatement,
  sqlText,
  startup,
  statementName,
  sync,
  withoutCopyIn,
} from './protocol';

/** The part of PGlite that is needed; nobody else may use the instance. */
export interface Backend {
  execProtocolRawStream(
    message: Uint8Array,
    options: { syncToFs?: boolean; onRawData: (data: Uint8Array) => void },
  ): Promise<void>;
}

export interface WireOptions {
  /** Default 100. One more is told "too many clients". */
  maxClients?: number;
  /** Largest message of a client; default 64 MiB. */
  maxMessageBytes?: number;
  /** From connecting to a complete startup packet; default 10 s. */
  startupTimeoutMs?: number;
  /** Silence of a client that holds the backend in a transaction, after which it is cut off; default 30 s. */
  idleInTransactionMs?: number;
  /** Called once when the backend stopped to answer properly: nothing can be served any more. */
  onBroken?: (reason: string) => void;
}

export interface WireServer {
  /** Ends every connection, rolls back what is open and stops listening. May be called twice. */
  close(): Promise<void>;
}

interface Queued extends Message {
  /** It may leave something behind in the session: a setting, a temporary table, an advisory lock. */
  changesSession: boolean;
  /** It may start a COPY FROM STDIN; a refusal follows it in `bytes`. */
  mayCopy: boolean;
}

interface Client {
  socket: Socket;
  frames: FrameReader;
  /** Complete messages that wait for the backend. */
  queue: Queued[];
  queuedBytes: number;
  /** The client's statement names and what they are called in the backend. */
  names: Map<string, string>;
  /** Its last unnamed Parse that ran: another client's would overwrite it in the backend. */
  unnamed: Message | undefined;
  /** It has prepared a statement that changes the session, or a COPY FROM STDIN. */
  preparedChange: boolean;
  preparedCopy: boolean;
  gone: boolean;
}

/** One turn of a client; then another may have the backend, if the client is idle. */
const turnBytes = 1024 * 1024;
/** Above this much unread output, or unprocessed input, a client waits. */
const highWaterBytes = 1024 * 1024;

/** Everything of DISCARD ALL but DEALLOCATE ALL, which would close the statements of all clients. */
const resetSession =
  'close all; set session authorization default; reset all; unlisten *; select pg_advisory_unlock_all(); discard temp; discard sequences';
/** Generous on purpose: a needless reset costs a fraction of a millisecond, a missed one mixes clients. */
const changesSession =
  /(?:^|[;(]|\*\/|\n)\s*(?:set(?!\s+(?:local|transaction)\b)|reset|do|call|load|listen|declare|discard)\b|\bset_config\b|\badvisory_lock|\btemp(?:orary)?\b/i;
const copiesIn = /\bcopy\b[\s\S]*\bfrom\b[\s\S]*\bstdin\b/i;
const refuseCopy = copyFail('COPY FROM STDIN is not possible on the embedded database: use INSERT');

/**
 * Listens on a unix socket that only this user may open (mode 0600).
 * @throws Error when the backend does not greet or the path cannot be bound
 */
export async function serveWire(backend: Backend, socketPath: string, options: WireOptions = {}): Promise<WireServer> {
  const { maxClients = 100, maxMessageBytes = 64 * 1024 * 1024 } = options;
  const { startupTimeoutMs = 10_000, idleInTransactionMs = 30_000 } = options;
  /** Round robin: the one just served moves to the end. */
  const clients = new Set<Client>();
  /** Who has the backend pinned, who had it last, and whether that one left settings in it. */
  let owner: Client | undefined;
  let lastHolder: Client | undefined;
  let sessionChanged = false;
  let ownerTimer: NodeJS.Timeout | undefined;
  let pumping: Promise<void> | undefined;
  let statements = 0;
  let broken = false;
  let closing: Promise<void> | undefined;

  // A bad startup packet is FATAL for a backend, and ours must never end. So it sees one good packet, once, and its
  // answer (authentication, parameters, key, ready) greets every client.
  const greeting = await collect(startup({ user: 'postgres', database: 'postgres', client_encoding: 'UTF8' }));
  if (readiness(greeting.subarray(-6)) !== 'idle') throw new Error('the embedded database did not start a session');

  async function collect(bytes: Buffer): Promise<Buffer> {
    const chunks: Buffer[] = [];
    await backend.execProtocolRawStream(bytes, { onRawData: (data) => void chunks.push(Buffer.from(data)) });
    return Buffer.concat(chunks);
  }

  /** Runs our own SQL or protocol messages between the clients' turns. */
  const quietly = async (...messages: Buffer[]) => void (await collect(Buffer.concat(messages)));

  function breakDown(reason: string): void {
    if (broken) return;
    broken = true;
    for (const client of clients) cut(client, '57P02', 'the embedded database has failed and starts again');
    options.onBroken?.(reason);
  }

  function cut(client: Client, state: string, message: string): void {
    if (client.socket.writable) client.socket.end(fatal(state, message));
    client.socket.destroySoon();
    leave(client);
  }

  function leave(client: Client): void {
    if (client.gone) return;
    client.gone = true;
    client.queue = [];
    client.queuedBytes = 0;
    pump();
  }

  const canRun = (client: Client) =>
    client.gone || (client.queue.length > 0 && client.socket.writableLength < highWaterBytes);

  /** Whose turn is it? While the backend is pinned, only the owner's. */
  function next(): Client | undefined {
    if (owner) return canRun(owner) ? owner : undefined;
    for (const client of clients) if (canRun(client)) return client;
    return undefined;
  }

  function pump(): void {
    pumping ??= run().finally(() => {
      pumping = undefined;
      if (!broken && next()) pump(); // somebody came between the last look and this moment
    });
  }

  async function run(): Promise<void> {
    try {
      for (let client = next(); client && !broken; client = next()) {
        clients.delete(client);
        if (client.gone) {
          await forget(client);
        } else {
          clients.add(client);
          await turn(client);
        }
      }
    } catch (error) {
      breakDown(String(error));
    }
  }

  /** Leaves nothing of a client that is gone: no transaction, no half-sent message, no statement. */
  async function forget(client: Client): Promise<void> {
    if (owner === client) {
      // Sync first: after an error in the extended protocol the backend skips everything up to it.
      await quietly(sync, query('rollback'));
      pin(undefined);
    }
    if (client.names.size > 0) await quietly(...[...client.names.values()].map(closeStatement), sync);
  }

  function pin(client: Client | undefined): void {
    clearTimeout(ownerTimer);
    owner = client;
    if (!client) return;
    ownerTimer = setTimeout(() => {
      cut(client, '25P03', 'terminating connection due to idle-in-transaction timeout');
    }, idleInTransactionMs);
  }

  /** Runs what the client has sent so far, at most about `turnBytes` of it, and passes the answers on. */
  async function turn(client: Client): Promise<void> {
    clearTimeout(ownerTimer);
    const batch = take(client);
    if (lastHolder !== client) await handOver(client, batch);
    sessionChanged ||= batch.some((message) => message.changesSession);
    let tail: Buffer = Buffer.alloc(0);
    const send = (chunk: Buffer) => {
      if (!client.gone) client.socket.write(chunk);
      tail = chunk.length >= 6 ? chunk.subarray(-6) : Buffer.concat([tail, chunk]).subarray(-6);
    };
    const bytes = Buffer.concat(batch.map((message) => message.bytes));
    client.socket.cork();
    if (batch.some((message) => message.mayCopy)) {
      send(withoutCopyIn(await collect(bytes)));
    } else {
      // A copy, because the data is a view of the backend's memory, which it writes to again.
      await backend.execProtocolRawStream(bytes, { onRawData: (data) => send(Buffer.from(data)) });
    }
    client.socket.uncork();
    const lastUnnamed = batch.findLast(touchesUnnamed);
    if (lastUnnamed) client.unnamed = lastUnnamed.type === frontend.parse ? lastUnnamed : undefined;
    const last = batch.at(-1);
    const state = last && endsTurn(last) ? readiness(tail) : 'transaction';
    if (state === 'none') return breakDown('the backend gave no answer');
    pin(state === 'idle' ? undefined : client);
  }

  function take(client: Client): Queued[] {
    let bytes = 0;
    let count = 0;
    for (const message of client.queue) {
      if (count > 0 && bytes + message.bytes.length > turnBytes) break;
      bytes += message.bytes.length;
      count += 1;
    }
    client.queuedBytes -= bytes;
    if (client.queuedBytes < highWaterBytes) client.socket.resume();
    return client.queue.splice(0, count);
  }

  /** Another client had the backend before this one. */
  async function handOver(client: Client, batch: Queued[]): Promise<void> {
    if (sessionChanged) await quietly(query(resetSession));
    sessionChanged = false;
    lastHolder = client;
    // Its unnamed statement is needed again, unless the batch begins with a new one or drops it.
    if (client.unnamed && !batch.slice(0, 1).some(touchesUnnamed)) await quietly(client.unnamed.bytes, sync);
  }

  /** Queues a message, with its prepared statement under a name that no other client can have. */
  function receive(client: Client, message: Message): void {
    const text = sqlText(message);
    const isParse = message.type === frontend.parse;
    const changes = changesSession.test(text);
    const copies = copiesIn.test(text);
    client.preparedChange ||= changes && isParse;
    client.preparedCopy ||= copies && isParse;
    const runs = message.type === frontend.query || message.type === frontend.execute;
    const mayCopy = runs && (message.type === frontend.query ? copies : client.preparedCopy);
    const { bytes } = withOwnName(client, message);
    const queued = {
      type: message.type,
      // Where a COPY waits for data, the added message ends it with an error; everywhere else the backend ignores it.
      bytes: mayCopy ? Buffer.concat([bytes, refuseCopy]) : bytes,
      changesSession: changes || (runs && client.preparedChange),
      mayCopy,
    };
    client.queue.push(queued);
    client.queuedBytes += queued.bytes.length;
  }

  function withOwnName(client: Client, message: Message): Message {
    const found = statementName(message);
    if (!found || found.name === '') return message;
    const ownName = client.names.get(found.name) ?? `s${++statements}`;
    if (message.type === frontend.parse) client.names.set(found.name, ownName);
    if (message.type === frontend.close) client.names.delete(found.name);
    return renameStatement(message, found.from, found.to, ownName);
  }

  function accept(socket: Socket): void {
    const client: Client = {
      socket,
      frames: createFrameReader(maxMessageBytes),
      queue: [],
      queuedBytes: 0,
      names: new Map(),
      unnamed: undefined,
      preparedChange: false,
      preparedCopy: false,
      gone: false,
    };
    let opening: Buffer | undefined = Buffer.alloc(0);
    const startupTimer = setTimeout(() => socket.destroy(), startupTimeoutMs);

    function open(data: Buffer): void {
      let buffer = opening ? Buffer.concat([opening, data]) : data;
      for (;;) {
        const packet = readStartup(buffer);
        opening = buffer;
        if (packet.kind === 'incomplete') return;
        if (packet.kind === 'cancel') {
          socket.end(); // nothing to cancel: the backend runs one batch at a time, and nobody is heard meanwhile
          return;
        }
        if (packet.kind === 'bad') {
          cut(client, '08P01', packet.reason);
          return;
        }
        buffer = buffer.subarray(packet.bytes);
        if (packet.kind === 'encryption') {
          socket.write('N');
          continue;
        }
        clearTimeout(startupTimer);
        opening = undefined;
        if (clients.size >= maxClients) {
          cut(client, '53300', 'sorry, too many clients already');
          return;
        }
        clients.add(client);
        if (packet.minor > 0 || packet.options.length > 0) socket.write(negotiate(packet.options));
        socket.write(greeting);
        if (buffer.length > 0) converse(buffer);
        return;
      }
    }

    function converse(data: Buffer): void {
      try {
        for (const message of client.frames.read(data)) {
          if (message.type === frontend.terminate) {
            socket.end();
            return;
          }
          receive(client, message);
        }
      } catch (error) {
        cut(client, '08P01', error instanceof Error ? error.message : String(error));
        return;
      }
      if (client.queuedBytes >= highWaterBytes) socket.pause();
      pump();
    }

    socket.on('data', (data) => {
      if (!client.gone) opening ? open(data) : converse(data);
    });
    socket.on('drain', pump);
    socket.on('error', () => leave(client));
    socket.on('close', () => {
      clearTimeout(startupTimer);
      leave(client);
    });
  }

  async function close(): Promise<void> {
    const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const client of clients) cut(client, '57P01', 'terminating connection due to administrator command');
    for (const socket of sockets) socket.destroySoon();
    while (pumping) await pumping;
    clearTimeout(ownerTimer);
    for (const socket of sockets) socket.destroy();
    await stopped;
  }

  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    accept(socket);
  });
  await listenPrivately(server, socketPath);
  return { close: () => (closing ??= close()) };
}

/** A Parse of the unnamed statement replaces it; a Query drops it. */
function touchesUnnamed(message: Message): boolean {
  return message.type === frontend.query || (message.type === frontend.parse && statementName(message)?.name === '');
}

/** After this message a backend in order says ReadyForQuery. */
function endsTurn({ type }: Message): boolean {
  return type === frontend.query || type === frontend.sync || type === frontend.functionCall;
}

/** bind() makes the file with mode 0600; a chmod afterwards would leave a gap. */
function listenPrivately(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const before = process.umask(0o177);
    try {
      server.listen({ path }, () => {
        server.off('error', reject);
        resolve();
      });
    } finally {
      process.umask(before);
    }
  });
}
