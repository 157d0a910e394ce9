// Connections to one legacy server by what their client can do. A session knows one set of client capabilities, so only
// callers with equal sets may share it; and since servers remember the roots that they were told, a client that has
// roots shares it with nobody. Further connections are opened when a call needs one and closed when idle.
import { HubError } from '../../lib/errors';
import type { Connection } from './connection';
import { isRefusal } from './era';
import type { Link } from './link';
import type { Call, CallOptions, ClientSide, Upstream, UpstreamAnswer } from './types';

const max = 256;
const idleMs = 5 * 60_000;
const sweepMs = 30_000;
/** Tasks live in the session that began them (2025-11-25, basic/utilities/tasks): it is kept for this much longer. */
const taskHoldMs = 3600_000;

export type Capabilities = Record<string, unknown>;

/** MCP Apps (extension io.modelcontextprotocol/ui): data only, which servers need to know to offer their views. */
const extensions = { 'io.modelcontextprotocol/ui': { mimeTypes: ['text/html;profile=mcp-app'] } };

/** For connections where a server's question could not be attributed: nothing to ask for is declared. */
export const mute: Capabilities = { extensions };

/** All that the hub can relay, so that a server lists all it has. */
export const everything: Capabilities = canonical({
  sampling: { context: {}, tools: {} },
  elicitation: { form: {}, url: {} },
  roots: { listChanged: true },
});

/** Only what a server can ask for, in one order: equal sets have equal texts. */
export function canonical(capabilities: Capabilities): Capabilities {
  const { sampling, elicitation, roots } = capabilities;
  const set: Capabilities = {};
  if (isObject(sampling)) set.sampling = pick(sampling, ['context', 'tools']);
  // Without any mode it is forms (client/elicitation, 2025-11-25).
  if (isObject(elicitation)) {
    const modes = pick(elicitation, ['form', 'url']);
    set.elicitation = Object.keys(modes).length > 0 ? modes : { form: {} };
  }
  if (isObject(roots)) set.roots = roots.listChanged === true ? { listChanged: true } : {};
  set.extensions = extensions;
  return set;
}

function pick(value: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.flatMap((key) => (isObject(value[key]) ? [[key, {}]] : [])));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface Key {
  text: string;
  set: Capabilities;
  hasRoots: boolean;
}

/** The capabilities of a session are one object, so this is asked once for each. */
const keys = new WeakMap<Capabilities, Key>();

function concernsTask(method: string, params: Record<string, unknown> | undefined): boolean {
  return method === 'tools/call' ? params?.task !== undefined : method.startsWith('tasks/');
}

function keyOf(capabilities: Capabilities): Key {
  const known = keys.get(capabilities);
  if (known) return known;
  const set = canonical(capabilities);
  const key = { text: JSON.stringify(set), set, hasRoots: 'roots' in set };
  keys.set(capabilities, key);
  return key;
}

/** Equal for those who may share a connection. */
function nameOf({ capabilities, owner }: Pick<ClientSide, 'capabilities' | 'owner'>): string {
  const { text, hasRoots } = keyOf(capabilities);
  return hasRoots ? `${text} ${owner}` : text;
}

interface Entry {
  /** Null while it is opened. */
  link: Link | null;
  opening: Promise<Link>;
  usedAt: number;
  /** Calls that wait for it to open. */
  waiting: number;
}

export interface CapabilitySets {
  call(method: string, params: Record<string, unknown> | undefined, options: CallOptions): Call;
  notify: Upstream['notify'];
  readonly inflight: number;
  /** A connection has a new session, which knows no setting of the former one. */
  sessionMade(connection: Connection): void;
  close(): Promise<void>;
}

export interface CapabilitySetsOptions {
  server: string;
  /** The connection that lists; it declares `everything`. */
  main: Link;
  /** False while the server keeps no session and so cannot know what was declared: then the main one serves all. */
  hasSessions(): boolean;
  /**
   * Opens a further connection. @param closed called once when it is gone
   * @throws HubError; UPSTREAM_BAD_ANSWER or a 4xx status where the server wants no second session
   */
  open(capabilities: Capabilities, closed: () => void): Promise<Link>;
  /** Monotonic milliseconds. */
  now?: () => number;
}

export function createCapabilitySets(options: CapabilitySetsOptions): CapabilitySets {
  const { server, main, hasSessions, open, now = () => performance.now() } = options;
  const entries = new Map<string, Entry>();
  /** The server refused a second session: one connection has to do. What a caller did not declare it is never asked. */
  let isSingle = false;
  /** The last logging/setLevel: it is a setting of a session, so each one needs it. */
  let levelParams: Record<string, unknown> | undefined;
  let closed = false;
  const sweep = setInterval(closeIdle, sweepMs).unref();

  function call(method: string, params: Record<string, unknown> | undefined, callOptions: CallOptions): Call {
    const { client } = callOptions;
    if (!client) {
      if (method === 'logging/setLevel') setLevel(params, callOptions);
      return main.connection.call(method, params, callOptions);
    }
    if (isSingle || closed) return main.connection.call(method, params, callOptions);
    if (!hasSessions()) return main.connection.call(method, params, callOptions);
    const name = nameOf(client);
    const entry = entries.get(name) ?? begin(name, keyOf(client.capabilities).set);
    if (!entry) return rejected(busy());
    entry.usedAt = Math.max(entry.usedAt, concernsTask(method, params) ? now() + taskHoldMs : now());
    if (entry.link) return entry.link.connection.call(method, params, callOptions);
    return callLater(entry, method, params, callOptions);
  }

  /** Null when there are too many and none of them is idle. */
  function begin(text: string, set: Capabilities): Entry | null {
    if (entries.size >= max && !evict()) return null;
    const entry: Entry = {
      link: null,
      opening: open(set, () => {
        if (entries.get(text) === entry) entries.delete(text);
      }),
      usedAt: now(),
      waiting: 0,
    };
    entries.set(text, entry);
    entry.opening.then(
      (link) => {
        entry.link = link;
        if (closed) void stop(link);
        else sessionMade(link.connection);
      },
      (error) => {
        if (entries.get(text) === entry) entries.delete(text);
        if (isRefusal(error)) isSingle = true;
      },
    );
    return entry;
  }

  function callLater(
    entry: Entry,
    method: string,
    params: Record<string, unknown> | undefined,
    callOptions: CallOptions,
  ): Call {
    let begun: Call | null = null;
    let cancel: (error: HubError) => void = () => {};
    const cancelled = new Promise<never>((_, reject) => {
      cancel = reject;
    });
    cancelled.catch(() => {});
    entry.waiting += 1;
    const opened = entry.opening.catch((error) => {
      if (isSingle && !closed) return main;
      throw error;
    });
    const answer = Promise.race([opened, cancelled])
      .finally(() => {
        entry.waiting -= 1;
      })
      .then((link): Promise<UpstreamAnswer> => {
        begun = link.connection.call(method, params, callOptions);
        return begun.answer;
      });
    return {
      answer,
      cancel(reason) {
        if (begun) begun.cancel(reason);
        else cancel(new HubError('CANCELLED', undefined, { server, reason: 'cancelled' }));
      },
    };
  }

  function setLevel(params: Record<string, unknown> | undefined, callOptions: CallOptions): void {
    levelParams = params;
    for (const { link } of entries.values()) {
      link?.connection.call('logging/setLevel', params, callOptions).answer.catch(() => {});
    }
  }

  function sessionMade(connection: Connection): void {
    if (levelParams) connection.call('logging/setLevel', levelParams, aside).answer.catch(() => {});
  }

  function isIdle({ link, waiting }: Entry): boolean {
    return link !== null && waiting === 0 && link.connection.inflight === 0;
  }

  function closeIdle(): void {
    const before = now() - idleMs;
    for (const [text, entry] of entries) {
      if (isIdle(entry) && entry.usedAt < before) drop(text, entry);
    }
  }

  /** @returns whether a place is free now */
  function evict(): boolean {
    let oldest: [string, Entry] | null = null;
    for (const each of entries) {
      if (isIdle(each[1]) && (!oldest || each[1].usedAt < oldest[1].usedAt)) oldest = each;
    }
    if (oldest) drop(...oldest);
    return oldest !== null;
  }

  function drop(text: string, entry: Entry): void {
    entries.delete(text);
    if (entry.link) void stop(entry.link);
  }

  function stop(link: Link): Promise<void> {
    return link.close({ reason: 'stopped', message: 'The connection is not needed any more.' });
  }

  function rejected(error: HubError): Call {
    const answer = Promise.reject(error);
    answer.catch(() => {});
    return { answer, cancel: () => undefined };
  }

  function busy(): HubError {
    const message = `"${server}" is in use by clients of ${max} different kinds at once.`;
    return new HubError('BUSY', message, { server, reason: 'busy', retryable: true, retryAfterMs: 1000 });
  }

  return {
    call,
    notify(method, params, client) {
      if (client) {
        const link = isSingle || !hasSessions() ? main : entries.get(nameOf(client))?.link;
        link?.connection.notify(method, params);
        return;
      }
      main.connection.notify(method, params);
      for (const { link } of entries.values()) link?.connection.notify(method, params);
    },
    get inflight() {
      let calls = main.connection.inflight;
      for (const { link, waiting } of entries.values()) calls += waiting + (link?.connection.inflight ?? 0);
      return calls;
    },
    sessionMade,
    async close() {
      closed = true;
      clearInterval(sweep);
      const open = [...entries.values()];
      entries.clear();
      await Promise.allSettled(open.map(async ({ opening }) => stop(await opening)));
    },
  };
}

const aside = { timeoutMs: 10_000 };
