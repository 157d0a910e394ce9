// Counts what passes the door, by route templates: a label never holds what a client sent.
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Metrics } from '../lib/telemetry';

const mcpRoute = '/api/mcp';
/** First path segments that are routes of their own; everything else is a page, and names of things are no labels. */
const routeTemplates: readonly [RegExp, string][] = [
  [/^\/(healthz|readyz|metrics)$/, '$&'],
  [/^\/socket\.io(\/.*)?$/, '/socket.io'],
  [/^\/_next\/.*$/, '/_next/*'],
  [/^\/api\/v1\/(servers|groups|tools|keys|calls|import|me|hub|setup|users)$/, '$&'],
  [/^\/api\/v1\/(servers|groups|keys|users)\/[^/]+$/, '/api/v1/$1/{name}'],
  [/^\/api\/v1\/(servers)\/[^/]+\/(start|stop|restart|tools|logs|instances)$/, '/api/v1/$1/{name}/$2'],
  [/^\/api\/v1\/tools\/call$/, '$&'],
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

/** Counts a request when its answer ends. A GET on the MCP route is a stream, which lasts as long as its client likes. */
export function watchRequest(metrics: Metrics, response: DoorResponse, path: string): void {
  response.metrics = metrics;
  response.route = path === mcpRoute || path.startsWith(`${mcpRoute}/`) ? mcpRoute : routeOf(path);
  response.on('close', count);
}

function count(this: DoorResponse): void {
  const { method = '' } = this.req;
  const isStream = this.route === mcpRoute && method === 'GET';
  const seconds = isStream ? null : (performance.now() - this.begunMs) / 1000;
  this.metrics?.request(method, this.route, this.statusCode, seconds);
}
