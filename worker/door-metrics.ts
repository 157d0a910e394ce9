// Counts what passes the door. MCP requests are only noted on their way and added up when somebody reads the metrics.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Counter, Histogram, type Registry } from 'prom-client';

const mcpRoute = '/api/mcp';
/** Boundaries of conventions.md §7, in seconds, with two finer ones below: most answers take milliseconds. */
const bucketsSeconds = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
/** Durations are handed on at the latest when so many are held. */
const heldMax = 10_000;

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

export function createDoorMetrics(registry: Registry) {
  const registers = [registry];
  const held: number[] = [];
  const mcpCounts = new Map<string, number>();

  const requests = new Counter({
    name: 'mcphub_requests_total',
    help: 'HTTP requests answered, by method, route template and status.',
    labelNames: ['method', 'route', 'status'],
    registers,
    collect: handOn,
  });
  const seconds = new Histogram({
    name: 'mcphub_response_time_seconds',
    help: 'Time from the first byte of a request to the end of its answer, by route template.',
    labelNames: ['route'],
    buckets: bucketsSeconds,
    registers,
    collect: handOnDurations,
  });

  function handOn(): void {
    for (const [key, count] of mcpCounts) {
      const [method = '', status = ''] = key.split(' ');
      requests.inc({ method, route: mcpRoute, status }, count);
    }
    mcpCounts.clear();
  }

  function handOnDurations(): void {
    for (const duration of held.splice(0)) seconds.observe({ route: mcpRoute }, duration);
  }

  function methodOf({ method = '' }: IncomingMessage): string {
    return knownMethods.has(method) ? method : 'other';
  }

  return {
    watchMcp(request: IncomingMessage, response: ServerResponse): void {
      const startedAtMs = performance.now();
      response.once('close', () => {
        const key = `${methodOf(request)} ${response.statusCode}`;
        mcpCounts.set(key, (mcpCounts.get(key) ?? 0) + 1);
        // A stream lasts as long as its client likes, which says nothing of us.
        if (request.method !== 'GET') held.push((performance.now() - startedAtMs) / 1000);
        if (held.length >= heldMax) handOnDurations();
      });
    },
    watch(request: IncomingMessage, response: ServerResponse, path: string): void {
      const route = routeOf(path);
      const startedAtMs = performance.now();
      response.once('close', () => {
        requests.inc({ method: methodOf(request), route, status: String(response.statusCode) });
        seconds.observe({ route }, (performance.now() - startedAtMs) / 1000);
      });
    },
  };
}
