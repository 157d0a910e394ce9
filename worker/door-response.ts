// What the door knows of each answer: which one is under way on a connection, and how it is counted. Routes are counted
// by template: a label never holds what a client sent.
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Metrics } from '../lib/telemetry';

const mcpRoute = '/api/mcp';
/** First path segments that are routes of their own; everything else is a page, and names of things are no labels. */
const routeTemplates: readonly [RegExp, string][] = [
  [/^\/(healthz|readyz|metrics)$/, '$&'],
  [/^\/socket\.io(\/.*)?$/, '/socket.io'],
  [/^\/_next\/.*$/, '/_next/*'],
  [/^\/api\/v1\/(servers|groups|tools|keys|calls|import|me|hub|setup|users|grants)$/, '$&'],
  [/^\/api\/v1\/(servers|groups|keys|users|grants)\/[^/]+$/, '/api/v1/$1/{name}'],
  [/^\/api\/v1\/(servers)\/[^/]+\/(start|stop|restart|tools|logs|instances)$/, '/api/v1/$1/{name}/$2'],
  [/^\/api\/v1\/tools\/call$/, '$&'],
  [/^\/oauth\/(authorize|token|register|revoke)(\/.*)?$/, '/oauth/$1'],
  [/^\/\.well-known\/.*$/, '/.well-known/*'],
  [/^\/api\/auth\/.*$/, '/api/auth/*'],
  [/^\/api\/.*$/, '/api/*'],
];

/** The template of a path, from a fixed list: a label never holds what a client sent. */
export function routeOf(path: string): string {
  for (const [pattern, template] of routeTemplates) if (pattern.test(path)) return path.replace(pattern, template);
  return 'page';
}

/** The answer of the door, which knows by itself how it is counted: a closure for each would cost more than that. */
export class DoorResponse extends ServerResponse<IncomingMessage> {
  route = '';
  readonly begunMs = performance.now();
  metrics: Metrics | null = null;
}

/** Kept on the connection itself, and only while it is under way: an idle connection holds nothing of the last one. */
const underWay = Symbol('answer');
type Connection = Duplex & { [underWay]?: DoorResponse | null };

/** The answer under way on a connection: a fault of the connection must not write into the middle of it. */
export function answerOn(connection: Duplex): DoorResponse | null {
  return (connection as Connection)[underWay] ?? null;
}

/** Counts a request when its answer ends. A GET on the MCP route is a stream, which lasts as long as its client likes. */
export function watchRequest(metrics: Metrics, response: DoorResponse, path: string): void {
  (response.req.socket as Connection)[underWay] = response;
  response.metrics = metrics;
  response.route = path === mcpRoute || path.startsWith(`${mcpRoute}/`) ? mcpRoute : routeOf(path);
  response.on('close', count);
}

function count(this: DoorResponse): void {
  const { method = '' } = this.req;
  const connection: Connection = this.req.socket;
  if (connection[underWay] === this) connection[underWay] = null;
  const isStream = this.route === mcpRoute && method === 'GET';
  const seconds = isStream ? null : (performance.now() - this.begunMs) / 1000;
  this.metrics?.request(method, this.route, this.statusCode, seconds);
}
