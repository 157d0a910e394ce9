// Prometheus metrics of this process. Recording on the hot path costs a map look-up and an addition; the client
// library sees the sums only when somebody scrapes.
import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client';
import { type ServerState, serverStates } from '../servers/schema';
import { singleton } from '../singleton';

/** Boundaries in seconds, of the OpenTelemetry conventions for MCP. */
const mcpBuckets = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
const searchBuckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.5, 10];
const rankBuckets = [1, 2, 3, 5, 10, 20];
const httpBuckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30];

/** Tools with a label of their own; a client must not be able to make labels without end. */
const maxTools = 200;

const methods: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']);

/** Sums over all processes of a server. */
export interface ServerUsage {
  name: string;
  rssBytes: number;
  cpuSeconds: number;
  processes: number;
}

export interface Metrics {
  /**
   * @param route a template such as `/api/v1/servers/{name}`, never a path that a client made up
   * @param seconds null for what lasts as long as its client likes, such as an event stream
   */
  request(method: string, route: string, status: number, seconds: number | null): void;
  /** @param tool original name; null when the called name was unknown */
  toolCall(server: string | null, tool: string | null, outcome: string, seconds: number): void;
  /** A search for tools. @param mode how it ranked */
  searched(mode: string, hits: number, seconds: number): void;
  /** A tool that a search had found was called. @param rank its place among the hits, from 1 */
  foundToolCalled(rank: number): void;
  /** A service of embeddings was asked. @param fault what went wrong; null: it answered */
  embeddingsAsked(fault: string | null, texts: number): void;
  /** A smart endpoint gave a model something to read; tokens as estimated. `fullTokens`: of the whole list in place of it. */
  searchCost(cost: { kind: string; endpoint: string; shownTokens: number; fullTokens: number }): void;
  /** Tools are not as they were first seen or last approved. */
  toolsDrifted(server: string, count: number): void;
  /** A call was refused. @param subject whose limit it was @param reason "rate", "concurrency" or "quota" */
  limited(subject: string, reason: string): void;
  /** Makes `state` the server's only state. */
  serverStatus(name: string, state: ServerState): void;
  /** Takes a removed or renamed server out of the gauge. */
  removeServer(name: string): void;
  /** Where a scrape learns what each server of this process uses. */
  usageFrom(source: () => readonly ServerUsage[]): void;
  /** Where a scrape learns how many instances of each server did not answer their last health check. */
  healthFrom(source: () => readonly { name: string; failing: number }[]): void;
  /** @param sink what lost them, e.g. "call-log" */
  dropped(sink: string, count: number): void;
  /** The text of /metrics. @param others what `values` gave in other processes, added up with our own */
  text(others?: unknown[][]): Promise<string>;
  /** All values as JSON, for `text` in another process. */
  values(): Promise<unknown[]>;
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
  const refused = summed('mcphub_limited_calls_total', 'Calls that a limit refused', ['subject', 'reason'], registers);
  const lost = summed('mcphub_records_dropped_total', 'Records that were lost', ['sink'], registers);
  const responseTime = timed(
    'mcphub_response_time_seconds',
    'Time to answer an HTTP request',
    ['route'],
    httpBuckets,
    registry,
  );
  const callTime = timed(
    'mcphub_tool_call_duration_seconds',
    'Time of a tool call',
    ['server_name', 'tool'],
    mcpBuckets,
    registry,
  );
  const searchTime = timed(
    'mcphub_search_duration_seconds',
    'Time of a search for tools',
    ['mode'],
    searchBuckets,
    registry,
  );
  const foundNothing = summed('mcphub_searches_without_hit_total', 'Searches that found no tool', ['mode'], registers);
  const embeddingRequests = summed(
    'mcphub_embeddings_requests_total',
    'Requests to the service of embeddings, by how they ended',
    ['outcome'],
    registers,
  );
  const embeddedTexts = summed('mcphub_embeddings_texts_total', 'Texts that were embedded', [], registers);
  const calledRank = timed(
    'mcphub_search_called_rank',
    'Place among the hits of a search of the tool that was then called',
    [],
    rankBuckets,
    registry,
  );
  const searchTokens = summed(
    'mcphub_search_tokens_total',
    'Estimated tokens of what smart endpoints gave to read, and (full_list) of the lists that it stood for',
    ['endpoint', 'kind'],
    registers,
  );
  const savedTokens = new Map<string, number>();
  new Gauge({
    name: 'mcphub_search_tokens_saved',
    help: 'Estimated tokens that smart endpoints saved since the start; below 0 where they took more than the full list',
    labelNames: ['endpoint'],
    registers,
    collect() {
      this.reset();
      for (const [endpoint, tokens] of savedTokens) this.labels(endpoint).set(tokens);
    },
  });
  const drifted = summed(
    'mcphub_tools_drifted_total',
    'Tools that were seen with another definition than the one that was first seen or last approved',
    ['server_name'],
    registers,
  );
  const status = new Gauge({
    name: 'mcphub_server_status',
    help: '1 for the state that a server is in, 0 for the others',
    labelNames: ['server_name', 'status'],
    registers,
  });
  new Gauge({
    name: 'mcphub_build_info',
    help: 'Version',
    labelNames: ['version', 'node'],
    aggregator: 'first',
    registers,
  }).set({ version, node: process.version }, 1);
  let usage: () => readonly ServerUsage[] = () => [];
  const labelNames = ['server_name'];
  new Gauge({
    name: 'mcphub_server_memory_bytes',
    help: 'Resident memory of all processes of a server',
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const { name, rssBytes } of usage()) this.labels(name).set(rssBytes);
    },
  });
  new Gauge({
    name: 'mcphub_server_processes',
    help: 'Processes of a server',
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const { name, processes } of usage()) this.labels(name).set(processes);
    },
  });
  let health: () => readonly { name: string; failing: number }[] = () => [];
  new Gauge({
    name: 'mcphub_server_unhealthy_instances',
    help: 'Instances that did not answer their last health check',
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const { name, failing } of health()) this.labels(name).set(failing);
    },
  });
  new Counter({
    name: 'mcphub_server_cpu_seconds_total',
    help: 'Processor time of what runs of a server now; begins anew with each start',
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const { name, cpuSeconds } of usage()) this.labels(name).inc(cpuSeconds);
    },
  });
  const known = new Map<string, Set<string>>();
  let knownTools = 0;

  function toolLabel(server: string, tool: string): string {
    const tools = known.get(server);
    if (tools?.has(tool)) return tool;
    if (knownTools >= maxTools) return 'other';
    knownTools++;
    if (tools) tools.add(tool);
    else known.set(server, new Set([tool]));
    return tool;
  }

  return {
    request(method, route, code, seconds) {
      requests.add(1, methods.has(method) ? method : 'OTHER', route, String(code));
      if (seconds !== null) responseTime.observe(seconds, route);
    },
    toolCall(server, tool, outcome, seconds) {
      const serverLabel = server ?? 'unknown';
      const label = server === null || tool === null ? 'unknown' : toolLabel(server, tool);
      calls.add(1, serverLabel, label, outcome);
      callTime.observe(seconds, serverLabel, label);
    },
    searched(mode, hits, seconds) {
      searchTime.observe(seconds, mode);
      if (hits === 0) foundNothing.add(1, mode);
    },
    foundToolCalled: (rank) => calledRank.observe(rank),
    embeddingsAsked(fault, texts) {
      embeddingRequests.add(1, fault ?? 'ok');
      if (fault === null) embeddedTexts.add(texts);
    },
    searchCost({ kind, endpoint, shownTokens, fullTokens }) {
      searchTokens.add(shownTokens, endpoint, kind);
      if (fullTokens > 0) searchTokens.add(fullTokens, endpoint, 'full_list');
      savedTokens.set(endpoint, (savedTokens.get(endpoint) ?? 0) + fullTokens - shownTokens);
    },
    toolsDrifted: (server, count) => drifted.add(count, server),
    limited: (subject, reason) => refused.add(1, subject, reason),
    serverStatus(name, state) {
      for (const each of serverStates) status.set({ server_name: name, status: each }, each === state ? 1 : 0);
    },
    removeServer(name) {
      for (const each of serverStates) status.remove({ server_name: name, status: each });
    },
    healthFrom(source) {
      health = source;
    },
    usageFrom(source) {
      usage = source;
    },
    dropped: (sink, count) => lost.add(count, sink),
    async text(others = []) {
      if (others.length === 0) return registry.metrics();
      const own = await registry.getMetricsAsJSON();
      return AggregatorRegistry.aggregate([own, ...others] as object[]).metrics();
    },
    values: () => registry.getMetricsAsJSON(),
    contentType: registry.contentType,
  };
}

/** One cell per combination of label values, found without making a string of them. */
function createCells<T extends object>(depth: number, make: (values: string[]) => T) {
  type Level = Map<string, Level | T>;
  let root: Level = new Map();
  let all: T[] = [];
  return {
    at(values: readonly string[]): T {
      let level = root;
      for (let index = 0; index < depth - 1; index++) {
        const value = values[index] as string;
        let next = level.get(value) as Level | undefined;
        if (!next) {
          next = new Map();
          level.set(value, next);
        }
        level = next;
      }
      const last = values[depth - 1] as string;
      let cell = level.get(last) as T | undefined;
      if (!cell) {
        cell = make([...values]);
        level.set(last, cell);
        all.push(cell);
      }
      return cell;
    },
    all: (): readonly T[] => all,
    clear(): void {
      root = new Map();
      all = [];
    },
  };
}

/** A counter that sums here and hands its sums over at a scrape. */
function summed<L extends string>(name: string, help: string, labelNames: L[], registers: Registry[]) {
  const cells = createCells(labelNames.length, (values) => ({ values, sum: 0 }));
  new Counter({
    name,
    help,
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const { values, sum } of cells.all()) this.labels(...values).inc(sum);
    },
  });
  return {
    add(count: number, ...values: string[]): void {
      cells.at(values).sum += count;
    },
  };
}

/**
 * A histogram that counts in plain arrays: the library's own sorts and joins the label names at each observation, which
 * costs more than the rest of a call's bookkeeping.
 */
function timed<L extends string>(name: string, help: string, labelNames: L[], buckets: number[], registry: Registry) {
  const cells = createCells(labelNames.length, (values) => ({
    values,
    counts: buckets.map(() => 0),
    sum: 0,
    count: 0,
  }));

  function samples() {
    return cells.all().flatMap(({ values, counts, sum, count }) => {
      const labels = Object.fromEntries(labelNames.map((label, at) => [label, values[at] ?? '']));
      let total = 0;
      const below = buckets.map((le, at) => {
        total += counts[at] ?? 0;
        return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: total };
      });
      return [
        ...below,
        { metricName: `${name}_bucket`, labels: { le: '+Inf', ...labels }, value: count },
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: count },
      ];
    });
  }

  const metric = {
    name,
    help,
    get: async () => ({ name, help, type: 'histogram', values: samples(), aggregator: 'sum' }),
    reset: cells.clear,
  };
  registry.registerMetric(metric as unknown as Metric);
  return {
    observe(value: number, ...values: string[]): void {
      const cell = cells.at(values);
      let at = 0;
      while (at < buckets.length && value > (buckets[at] as number)) at++;
      if (at < buckets.length) cell.counts[at] = (cell.counts[at] ?? 0) + 1;
      cell.sum += value;
      cell.count += 1;
    },
  };
}
