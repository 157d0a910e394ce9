// An upstream that another worker of this hub holds open. Its owner serves it as a streamable HTTP endpoint on the
// owner's own unix socket; the others use that with the transport and the connection that they use for any server
// behind a URL. Two things differ: there is no handshake and no session, because the owner tells its handshake to all,
// and an error of the hub travels as such: `{"hub": SentError}` in place of a JSON-RPC message.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { asHubError, HubError, receiveError, type SentError, sendError } from '../../lib/errors';
import { createConnection, type Wire } from './connection';
import { createEgress } from './egress';
import { type HttpTransport, openHttp } from './http';
import { maxMessageBytes, type TransportEvents } from './transport';
import type {
  Call,
  Caller,
  CallOptions,
  ClientAnswer,
  ClientOf,
  ClientSide,
  CloseReason,
  Handshake,
  Upstream,
  Wish,
} from './types';

/** Path on the owner's socket, followed by the id of the server. */
export const forwardingPath = '/upstreams/';

/** Stands for Upstream.watch, which is no single request of MCP. */
const watchMethod = 'io.mcphub/watch';
const watchMs = 30_000;
/** Header that names the worker which asks. */
const workerHeader = 'x-mcphub-worker';

/** In `_meta` of a forwarded request: what its client declared. Taken out again by the owner. */
const clientKey = 'io.mcphub/client';
/** Likewise: whose call it is, where no client says so. */
const callerKey = 'io.mcphub/caller';
/** The caller keeps the deadline of a call, and gives up by closing the request; this only ends what was forgotten. */
const hardEndMs = 600_000;
const hubError = Buffer.from('{"hub":');

export interface ForwardedOptions {
  server: { id: string; name: string };
  socketPath: string;
  handshake: Handshake;
  /** Names the worker that asks. */
  worker: string;
  /** Each caller has an instance of the server: see Upstream.watchFor. */
  isIsolated: boolean;
}

export interface ForwardedEvents {
  notification(method: string, params: Record<string, unknown> | undefined): void;
  /** Several calls timed out and so did a ping. */
  hung(): void;
  /** The owner cannot be reached, or close() was called. Once. */
  closed(): void;
}

export interface Forwarded extends Upstream {
  /** As the owner told it last. */
  handshake: Handshake;
  /** Fails all calls with this error, now and in future. */
  end(error: HubError): void;
}

/** Opens no connection before the first call. */
export function openForwarded(options: ForwardedOptions, events: ForwardedEvents): Forwarded {
  const { server, socketPath, handshake } = options;
  let transport: HttpTransport | null = null;
  const wire: Wire = { send: (text, id, method) => transport?.send(text, id, method) };
  const connection = createConnection(server.name, wire, { notification: events.notification, hung: events.hung });

  function receive(bytes: Buffer, onlyFor?: string): boolean {
    if (onlyFor === undefined || bytes.compare(hubError, 0, hubError.length, 0, hubError.length) !== 0) {
      return connection.receive(bytes, onlyFor);
    }
    connection.fail(onlyFor, receiveError((JSON.parse(bytes.toString('utf8')) as { hub: SentError }).hub));
    return true;
  }

  const transportEvents: TransportEvents = {
    message: receive,
    overlong: (head, tail, length) => connection.receiveOverlong(head, tail, length),
    pending: (id) => connection.pending(id),
    failed: (id, error) => connection.fail(id, error),
    closed(reason: CloseReason) {
      connection.end(
        new HubError('INTERRUPTED', reason.message, { server: server.name, reason: reason.reason, retryable: true }),
      );
      events.closed();
    },
  };
  const target = {
    name: server.name,
    type: 'streamable-http' as const,
    command: null,
    args: [],
    env: {},
    cwd: null,
    url: `http://worker${forwardingPath}${server.id}`,
    headers: { [workerHeader]: options.worker },
  };
  transport = openHttp({ target, socketPath, egress: createEgress('private-allowed') }, transportEvents);
  const opened = transport;
  const stopped: CloseReason = { reason: 'stopped', message: 'The server was stopped.' };

  return {
    handshake,
    get inflight() {
      return connection.inflight;
    },
    call(method, params, options): Call {
      const { client, caller } = options;
      return connection.call(method, client || caller ? withClient(params, client, caller) : params, options);
    },
    notify(method, params, client) {
      connection.notify(method, client ? withClient(params, client) : params);
    },
    async watch(uris) {
      const { kind, value } = await connection.call(watchMethod, { uris }, { timeoutMs: watchMs }).answer;
      return kind === 'result' ? (value as { refused: string[] }).refused : uris;
    },
    ...(options.isIsolated && {
      async watchFor(wishes: readonly Wish[]) {
        const { kind, value } = await connection.call(watchMethod, { wishes }, { timeoutMs: watchMs }).answer;
        return kind === 'result' ? (value as { refused: Wish[] }).refused : wishes;
      },
    }),
    end(error) {
      connection.end(error);
      void opened.close(stopped);
    },
    close: () => opened.close(stopped),
  };
}

type Params = Record<string, unknown> | undefined;

type Declared = ClientOf & Pick<ClientSide, 'logLevel'>;

function withClient(params: Params, client: Declared | undefined, caller?: Caller): Params {
  const meta: Record<string, unknown> = { ...(params?._meta as object | undefined) };
  if (client) {
    const { capabilities, owner, logLevel, user, conversation, isPassing } = client;
    meta[clientKey] = { capabilities, owner, logLevel, user, conversation, isPassing };
  }
  if (caller) {
    const { user, conversation, isPassing } = caller;
    meta[callerKey] = { user, conversation, isPassing };
  }
  return { ...params, _meta: meta };
}

/** @returns what was declared, and the params as the client sent them */
function withoutClient(params: Params): {
  params: Params;
  declared: Declared | null;
  caller: Caller | undefined;
} {
  const meta = params?._meta as Record<string, unknown> | undefined;
  const { [clientKey]: declared = null, [callerKey]: caller, ...rest } = meta ?? {};
  if (!declared && !caller) return { params, declared: null, caller: undefined };
  const { _meta, ...others } = params ?? {};
  return {
    params: Object.keys(rest).length > 0 ? { ...others, _meta: rest } : others,
    declared: declared as Declared | null,
    caller: caller as Caller | undefined,
  };
}

interface Incoming {
  id?: string;
  method?: string;
  params?: Record<string, unknown>;
  result?: unknown;
  error?: { code: number; message: string };
}

export interface Forwarder {
  /** Answers a request under `forwardingPath`. Never throws. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Calls under way for other workers. */
  readonly inflight: number;
  /** Calls under way for other workers at one server; the notifier of the only one, if it is the only one. */
  onlyCallAt(serverId: string): ((method: string, params: Params) => void) | null;
}

/** @param upstreamOf an upstream that this worker itself holds open, for the worker that asks. @throws HubError as Supervisor.upstreamOf */
export function createForwarder(upstreamOf: (serverId: string, worker: string) => Upstream): Forwarder {
  const questions = new Map<string, (answer: ClientAnswer) => void>();
  const running = new Map<string, Set<ForwardedCall>>();
  let inflight = 0;
  let asked = 0;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    try {
      const serverId = (request.url ?? '').slice(forwardingPath.length);
      const upstream = () => upstreamOf(serverId, String(request.headers[workerHeader]));
      const message = JSON.parse((await readBody(request)).toString('utf8')) as Incoming;
      if (message.method === undefined) answerQuestion(message);
      else if (message.id === undefined) notify(upstream(), message.method, message.params);
      else return await run(serverId, upstream, message.id, message.method, message.params, response);
      response.writeHead(202).end();
    } catch (error) {
      answer(response, hubErrorOf(error));
    }
  }

  function notify(upstream: Upstream, method: string, sent: Params): void {
    // Whoever cancels closes the request as well, and our ids are not the server's.
    if (method === 'notifications/cancelled') return;
    const { params, declared } = withoutClient(sent);
    upstream.notify(method, params, declared ?? undefined);
  }

  function answerQuestion({ id, result, error }: Incoming): void {
    const settle = id === undefined ? undefined : questions.get(id);
    questions.delete(id ?? '');
    if (error) settle?.({ kind: 'error', value: error });
    else settle?.({ kind: 'result', value: result });
  }

  async function run(
    serverId: string,
    upstream: () => Upstream,
    id: string,
    method: string,
    sent: Params,
    response: ServerResponse,
  ): Promise<void> {
    const { params, declared, caller } = withoutClient(sent);
    const stream = new ForwardedCall(response);
    if (method === watchMethod) {
      const wishes = params?.wishes as Wish[] | undefined;
      const refused = wishes
        ? await upstream().watchFor?.(wishes)
        : await upstream().watch((params?.uris ?? []) as string[]);
      return stream.end(
        Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, result: { refused: refused ?? wishes ?? [] } })),
      );
    }
    const options: CallOptions = { timeoutMs: hardEndMs, caller };
    const progressToken = (params?._meta as { progressToken?: unknown } | undefined)?.progressToken;
    if (progressToken !== undefined) {
      options.onProgress = (progress) => stream.notify('notifications/progress', { ...progress, progressToken });
    }
    if (declared) {
      options.client = {
        ...declared,
        notify: (name, about) => stream.notify(name, about),
        ask: (name, about, signal) => ask(stream, name, about, signal),
      };
    }
    const calls = running.get(serverId) ?? new Set();
    running.set(serverId, calls.add(stream));
    inflight += 1;
    try {
      const call = upstream().call(method, params, options);
      response.on('close', () => call.cancel('the caller went away'));
      const { kind, value, raw } = await call.answer;
      stream.end(
        Buffer.concat([
          Buffer.from(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"${kind}":`),
          raw ?? Buffer.from(JSON.stringify(value)),
          Buffer.from('}'),
        ]),
      );
    } catch (error) {
      stream.end(hubErrorOf(error));
    } finally {
      inflight -= 1;
      calls.delete(stream);
      if (calls.size === 0) running.delete(serverId);
    }
  }

  function ask(stream: ForwardedCall, method: string, params: Params, signal: AbortSignal): Promise<ClientAnswer> {
    asked += 1;
    const id = `q${asked}`;
    return new Promise((resolve) => {
      const settle = (answer: ClientAnswer) => {
        questions.delete(id);
        signal.removeEventListener('abort', giveUp);
        resolve(answer);
      };
      const giveUp = () => {
        stream.notify('notifications/cancelled', { requestId: id });
        settle({ kind: 'error', value: { code: 1007, message: 'The client cannot be reached (any more).' } });
      };
      if (signal.aborted || stream.isGone) return giveUp();
      questions.set(id, settle);
      signal.addEventListener('abort', giveUp, { once: true });
      stream.send({ jsonrpc: '2.0', id, method, params });
    });
  }

  return {
    handle: (request, response) => void handle(request, response),
    get inflight() {
      return inflight;
    },
    onlyCallAt(serverId) {
      const [only, ...others] = running.get(serverId) ?? [];
      return only && others.length === 0 ? (method, params) => only.notify(method, params) : null;
    },
  };
}

/** The answer to one forwarded request: JSON, or an event stream once something comes before it. */
class ForwardedCall {
  #isStream = false;

  constructor(private readonly response: ServerResponse) {}

  get isGone(): boolean {
    return this.response.destroyed || this.response.writableEnded;
  }

  notify(method: string, params: Params): void {
    this.send({ jsonrpc: '2.0', method, params });
  }

  send(message: object): void {
    if (this.isGone) return;
    if (!this.#isStream) this.response.writeHead(200, { 'content-type': 'text/event-stream' });
    this.#isStream = true;
    this.response.write(`data: ${JSON.stringify(message)}\n\n`);
  }

  end(message: Buffer): void {
    if (this.isGone) return;
    if (!this.#isStream) answer(this.response, message);
    else this.response.end(Buffer.concat([Buffer.from('data: '), message, Buffer.from('\n\n')]));
  }
}

function hubErrorOf(error: unknown): Buffer {
  return Buffer.from(JSON.stringify({ hub: sendError(asHubError(error)) }));
}

function answer(response: ServerResponse, body: Buffer): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}

/** @throws HubError PAYLOAD_TOO_LARGE */
async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > maxMessageBytes) throw new HubError('PAYLOAD_TOO_LARGE');
  }
  return Buffer.concat(chunks);
}
