// Prometheus metrics of this process. Recording on the hot path costs a map look-up and an addition; the client
// library sees the sums only when somebody scrapes.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type ServerState, serverStates } from '../servers/schema';
import { singleton } from '../singleton';

/** Boundaries in seconds, of the OpenTelemetry conventions for MCP. */
const mcpBuckets = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
const httpBuckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30];

/** Tools with a label of their own; a client must not be able to make labels without end. */
const maxTools = 200;

const methods: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']);

export interface Metrics {
  /**
   * @param route a template such as `/api/v1/servers/{name}`, never a path that a client made up
   * @param seconds null for what lasts as long as its client likes, such as an event stream
   */
  request(method: string, route: string, status: number, seconds: number | null): void;
  /** @param tool original name; null when the called name was unknown */
  toolCall(server: string | null, tool: string | null, outcome: string, seconds: number): void;
  /** Makes `state` the server's only state. */
  serverStatus(name: string, state: ServerState): void;
  /** Takes a removed or renamed server out of the gauge. */
  removeServer(name: string): void;
  /** @param sink what lost them, e.g. "call-log" */
  dropped(sink: string, count: number): void;
  /** The text of /metrics. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** The metrics of this process; the first caller's version stays. */
export function metrics(version = '0'): Metrics {
  return singleton('metrics', () => createMetrics(version));
}

export function createMetrics(version: string, { defaults = true }: { defaults?: boolean } = {}): Metrics {
  const registry = new Registry();
  if (defaults) collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const requests = summed('mcphub_requests_total', 'HTTP requests', ['method', 'route', 'status'], registers);
  const calls = summed('mcphub_tool_calls_total', 'Tool calls', ['server_name', 'tool', 'outcome'], registers);
  const lost = summed('mcphub_records_dropped_total', 'Records that were lost', ['sink'], registers);
  const responseTime = new Histogram({
    name: 'mcphub_response_time_seconds',
    help: 'Time to answer an HTTP request',
    labelNames: ['route'],
    buckets: httpBuckets,
    registers,
  });
  const callTime = new Histogram({
    name: 'mcphub_tool_call_duration_seconds',
    help: 'Time of a tool call',
    labelNames: ['server_name', 'tool'],
    buckets: mcpBuckets,
    registers,
  });
  const status = new Gauge({
    name: 'mcphub_server_status',
    help: '1 for the state that a server is in, 0 for the others',
    labelNames: ['server_name', 'status'],
    registers,
  });
  new Gauge({ name: 'mcphub_build_info', help: 'Version', labelNames: ['version', 'node'], registers }).set(
    { version, node: process.version },
    1,
  );
  const observeResponse = observer((route: string) => ({ route }), responseTime);
  const observeCall = observer((server: string, tool: string) => ({ server_name: server, tool }), callTime);
  const known = new Set<string>();

  function toolLabel(server: string, tool: string): string {
    const key = `${server}\0${tool}`;
    if (known.has(key)) return tool;
    if (known.size >= maxTools) return 'other';
    known.add(key);
    return tool;
  }

  return {
    request(method, route, code, seconds) {
      requests.add(1, methods.has(method) ? method : 'OTHER', route, String(code));
      if (seconds !== null) observeResponse(seconds, route);
    },
    toolCall(server, tool, outcome, seconds) {
      const serverLabel = server ?? 'unknown';
      const label = server === null || tool === null ? 'unknown' : toolLabel(server, tool);
      calls.add(1, serverLabel, label, outcome);
      observeCall(seconds, serverLabel, label);
    },
    serverStatus(name, state) {
      for (const each of serverStates) status.set({ server_name: name, status: each }, each === state ? 1 : 0);
    },
    removeServer(name) {
      for (const each of serverStates) status.remove({ server_name: name, status: each });
    },
    dropped: (sink, count) => lost.add(count, sink),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

/** A counter that sums in a map and hands its sums over at a scrape. */
function summed<L extends string>(name: string, help: string, labelNames: L[], registers: Registry[]) {
  const cells = new Map<string, { values: string[]; sum: number }>();
  new Counter({
    name,
    help,
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const { values, sum } of cells.values()) this.labels(...values).inc(sum);
    },
  });
  return {
    add(count: number, ...values: string[]): void {
      const key = values.join('\0');
      const cell = cells.get(key);
      if (cell) cell.sum += count;
      else cells.set(key, { values, sum: count });
    },
  };
}

/** Keeps the bound child per label set, which the library would look up by a sorted text each time. */
function observer<A extends string[], L extends string>(
  labels: (...values: A) => Record<L, string>,
  histogram: Histogram<L>,
) {
  const children = new Map<string, Histogram.Internal<L>>();
  return (seconds: number, ...values: A): void => {
    const key = values.join('\0');
    let child = children.get(key);
    if (!child) {
      child = histogram.labels(labels(...values));
      children.set(key, child);
    }
    child.observe(seconds);
  };
}
