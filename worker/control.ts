// The worker's side of lib/control: HTTP on a unix socket that only this hub's user can open. It also serves the MCP
// endpoints, for the fallback route of the web program.
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import type { Actor } from '../lib/access/schema';
import { type ControlAnswer, type ControlName, type ControlStep, controlCalls } from '../lib/control/schema';
import { asHubError, errorTable, HubError, sendError } from '../lib/errors';
import type { Bus } from '../lib/events/bus';
import { type EventName, eventSchemas, type SentEvent } from '../lib/events/schema';
import type { Log } from '../lib/log';
import { type DesiredServer, desiredOfInput, type ReadDocument } from '../lib/servers';
import type { Rotation } from '../lib/servers/resealing';
import type { ServerInput } from '../lib/servers/schema';
import type { Metrics } from '../lib/telemetry';
import type { AuditSource } from '../lib/telemetry/audit';
import type { Credentials } from './credentials';
import type { Doctor } from './doctor';
import type { Gateway } from './gateway';
import { ignoreErrors, isGone } from './gateway/http/exchange';
import type { Consents } from './oauth';
import type { Reports } from './reports';
import type { Supervisor } from './supervisor/types';
import { type Forwarder, forwardingPath } from './upstream/forwarding';

export interface ControlDeps {
  socketPath: string;
  gateway: Gateway;
  supervisor: Pick<Supervisor, 'statuses' | 'logs'>;
  reports: Pick<Reports, 'lifeOf'>;
  doctor: Pick<Doctor, 'test'>;
  /** A saved server as it shall be. @throws HubError NOT_FOUND */
  desired(serverId: string): Promise<DesiredServer>;
  readDocument: ReadDocument;
  /** Settings with the stored values of a server for their stand-ins. @throws HubError NOT_FOUND, CONFLICT */
  filled(server: ServerInput, serverId: string): Promise<ServerInput>;
  credentials: Pick<Credentials, 'begin' | 'finish'>;
  /** Puts all stored secrets under a new key. */
  rotateSecrets(source: AuditSource): Promise<Rotation>;
  consents: Consents | null;
  /** Hands an event to the handlers of this worker, and to the other workers. */
  deliver: Bus['deliver'];
  metrics: Pick<Metrics, 'values'>;
  log: Log;
  /** What `hub.stats` tells beside the gateway's figures. */
  hub(): { startedAt: string; version: string; configFaults: string[]; configFile: string | null };
  /** What a worker among several answers to the others, on the same socket. */
  peers?: ControlPeers;
}

export interface ControlPeers {
  forwarder: Forwarder;
  ownLogs: Supervisor['logs'];
  /** The figures of the other workers that answer. */
  stats(): Promise<{ sessions: number; inflight: number }[]>;
}

export interface Control {
  /** Opens the socket, mode 0600. A file that an earlier life left there is replaced. */
  listen(): Promise<void>;
  /** Cuts all connections and removes the socket. Idempotent. */
  close(): Promise<void>;
}

/** An OpenAPI document of 8 MiB, each character of which is escaped. */
const bodyMaxBytes = 20 * 1024 * 1024;

type Run<N extends ControlName> = (
  body: ReturnType<(typeof controlCalls)[N]['body']['parse']>,
  signal: AbortSignal,
  step: (step: ControlStep<N>) => void,
) => ControlAnswer<N> | Promise<ControlAnswer<N>>;

export function createControl(deps: ControlDeps): Control {
  /** @throws HubError NOT_FOUND where the hub gives no tokens, and so asks nobody */
  const theConsents = (): Consents => {
    if (!deps.consents) throw new HubError('NOT_FOUND');
    return deps.consents;
  };
  const { socketPath, gateway, supervisor, reports, doctor, readDocument, deliver, metrics, log, hub, peers } = deps;
  const runs: { [N in ControlName]: Run<N> } = {
    'events.deliver': async ({ name, payload }) => {
      if (!Object.hasOwn(eventSchemas, name)) throw new HubError('INVALID_INPUT', 'There is no such event.');
      const parsed = eventSchemas[name as EventName].safeParse(payload);
      if (!parsed.success) throw new HubError('INVALID_INPUT', 'The payload does not fit the event.');
      await deliver({ name, payload: parsed.data } as SentEvent);
      return {};
    },
    'servers.status': ({ ids }) => {
      const wanted = ids && new Set(ids);
      return { servers: supervisor.statuses().filter(({ id }) => !wanted || wanted.has(id)) };
    },
    'servers.logs': ({ id, after, limit, own }) => (own && peers ? peers.ownLogs : supervisor.logs)(id, after, limit),
    'secrets.rotate': (source) => deps.rotateSecrets(source),
    'credentials.begin': async ({ serverId, startedBy, forUser }) => ({
      url: await deps.credentials.begin(serverId, startedBy, forUser),
    }),
    'credentials.finish': async (answer) => ({ serverId: await deps.credentials.finish(answer) }),
    'servers.test': async (tested, signal, step) => doctor.test(await desiredOf(tested), step, signal),
    'servers.report': ({ id }) => ({ life: reports.lifeOf(id) }),
    'openapi.read': ({ source, settings }) => readDocument(source, settings),
    'tools.call': ({ actor, ...call }, signal) => gateway.callTool({ ...call, actor: actor as Actor, signal }),
    'tools.search': ({ actor, search }) => gateway.searchTools(actor as Actor, search),
    'tools.searchStatus': ({ actor }) => gateway.searchStatus(actor as Actor),
    'endpoints.list': async ({ actor, path }) => ({ endpoints: gateway.endpoints(actor as Actor, path) }),
    'tools.measure': ({ actor, cases }, signal, step) => gateway.measureSearch(actor as Actor, cases, step, signal),
    'oauth.consent': ({ id, userId }) => theConsents().read(id, userId),
    'oauth.decide': (answer) => theConsents().decide(answer),
    'hub.stats': async ({ own }) => {
      const parts = [gateway.stats(), ...(peers && !own ? await peers.stats() : [])];
      const sum = (of: 'sessions' | 'inflight') => parts.reduce((total, part) => total + part[of], 0);
      return { ...hub(), sessions: sum('sessions'), inflight: sum('inflight') };
    },
    'hub.metrics': async () => ({ values: await metrics.values() }),
  };
  async function desiredOf(tested: ReturnType<(typeof controlCalls)['servers.test']['body']['parse']>) {
    if ('id' in tested) return deps.desired(tested.id);
    return desiredOfInput(tested.of === undefined ? tested.server : await deps.filled(tested.server, tested.of));
  }

  const byPath = new Map(
    Object.entries(controlCalls).map(([name, { path }]) => [path as string, name as ControlName] as const),
  );

  async function answer(
    name: ControlName,
    request: IncomingMessage,
    response: ServerResponse,
    step: (step: unknown) => void,
  ): Promise<unknown> {
    if (request.method !== 'POST') throw new HubError('METHOD_NOT_ALLOWED');
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const parsed = controlCalls[name].body.safeParse(await readJson(request));
    if (!parsed.success) throw new HubError('INVALID_INPUT', 'The body does not fit this call.');
    // The table pairs each name with its own shapes; TypeScript cannot follow the pair through a look-up.
    return (runs[name] as Run<ControlName>)(parsed.data as never, gone.signal, step);
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', ignoreErrors);
    const url = request.url ?? '';
    if (url.startsWith('/api/mcp')) return gateway.handle(request, response);
    if (peers && url.startsWith(forwardingPath)) return peers.forwarder.handle(request, response);
    try {
      const name = byPath.get(url);
      if (!name) throw new HubError('NOT_FOUND');
      const value = await answer(name, request, response, (step) => sendLine(response, { step }));
      if (response.headersSent) sendLine(response, { answer: value }, true);
      else send(response, 200, value);
    } catch (thrown) {
      const error = asHubError(thrown);
      if (error.code === 'INTERNAL') log.error({ err: thrown, url }, 'a control call failed');
      if (response.headersSent) sendLine(response, { error: sendError(error) }, true);
      else send(response, errorTable[error.code].status, { error: sendError(error) });
    }
  }

  const server: Server = createServer((request, response) => void handle(request, response));
  let closing: Promise<void> | null = null;

  return {
    listen() {
      mkdirSync(dirname(socketPath), { recursive: true, mode: 0o700 });
      rmSync(socketPath, { force: true });
      return new Promise((resolve, reject) => {
        server.once('error', reject);
        // The socket file is made inside listen(), with the umask of that moment.
        const umask = process.umask(0o177);
        try {
          // Exclusive: among several workers each has a socket of its own.
          server.listen({ path: socketPath, exclusive: true }, () => {
            server.off('error', reject);
            chmodSync(socketPath, 0o600);
            resolve();
          });
        } finally {
          process.umask(umask);
        }
      });
    },
    close() {
      closing ??= new Promise((resolve) => {
        if (!server.listening) return resolve();
        server.close(() => resolve());
        server.closeAllConnections();
      });
      return closing;
    },
  };
}

function send(response: ServerResponse, status: number, value: unknown): void {
  if (isGone(response)) return;
  const body = JSON.stringify(value);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function sendLine(response: ServerResponse, value: unknown, isLast = false): void {
  if (isGone(response)) return;
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  response.write(`${JSON.stringify(value)}\n`);
  if (isLast) response.end();
}

/** @throws HubError PAYLOAD_TOO_LARGE, PARSE_ERROR */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > bodyMaxBytes) throw new HubError('PAYLOAD_TOO_LARGE');
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new HubError('PARSE_ERROR');
  }
}
