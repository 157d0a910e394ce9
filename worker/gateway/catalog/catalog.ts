// The catalogue in memory: which endpoints exist and what each server lists, under one rising version. Lists are
// answered from here and wait for no server. Kept up from listings of opened servers, from events and from the store.
import { canonicalJson } from '../../../lib/canonical-json';
import { asHubError } from '../../../lib/errors';
import type { Bus } from '../../../lib/events/bus';
import type { Log } from '../../../lib/log';
import type { CatalogDiff, EndpointRows, Listing } from '../../../lib/servers/catalog';
import type { Supervisor } from '../../supervisor/types';
import { listAll } from '../../upstream/listing';
import type { Upstream } from '../../upstream/types';
import { buildEndpoints, type Endpoints } from './endpoints';

/** Several changes at once are told once. */
const debounceMs = 250;
/** A server that says "changed" all the time is listed no more often than this, after the first few times. */
const relistEveryMs = 5000;
const relistsAtOnce = 6;
/** A listing that failed is tried again after this long times the number of the attempt. */
const retryMs = 5000;
const maxRetries = 5;
/** Of one listing; all of them are stored. */
const loggedFaults = 20;
/** Events are only hints: endpoints are read again this often in any case. */
const reloadEveryMs = 30_000;

export interface CatalogDeps {
  supervisor: Pick<Supervisor, 'on' | 'listingUpstreamOf' | 'listed'>;
  catalogs: {
    load(): Promise<ReadonlyMap<string, Listing>>;
    store(serverId: string, listing: Listing): Promise<CatalogDiff>;
  };
  loadEndpoints(): Promise<EndpointRows>;
  bus: Bus;
  log: Log;
  /** Some list may have changed; called at most every 250 ms. */
  changed(): void;
}

interface ServerWork {
  timer: NodeJS.Timeout | null;
  /** Each listing moves this on by relistEveryMs; how far it is ahead of now says how many were made lately. */
  relistsPaidUntilMs: number;
  isListing: boolean;
  isWantedAgain: boolean;
  failures: number;
}

export function createCatalog({ supervisor, catalogs, loadEndpoints, bus, log, changed }: CatalogDeps) {
  const listings = new Map<string, Listing>();
  let endpoints: Endpoints = buildEndpoints({ servers: [], groups: [] });
  let rows = '';
  let version = 0;
  let isClosed = false;
  let tellTimer: NodeJS.Timeout | null = null;
  let reloadTimer: NodeJS.Timeout | null = null;
  let reloading: Promise<void> | null = null;
  let isReloadWanted = false;
  const work = new Map<string, ServerWork>();
  const unsubscribe: (() => void)[] = [];

  function bump(): void {
    version++;
    tellTimer ??= setTimeout(() => {
      tellTimer = null;
      if (!isClosed) changed();
    }, debounceMs);
  }

  async function readEndpoints(): Promise<void> {
    const next = await loadEndpoints();
    const text = JSON.stringify(next);
    if (isClosed || text === rows) return;
    rows = text;
    endpoints = buildEndpoints(next);
    bump();
  }

  /** Reads the endpoints anew. A call during a run causes one more, so that what it asks for is certainly seen. */
  function reload(): Promise<void> {
    if (reloading) {
      isReloadWanted = true;
      return reloading;
    }
    reloading = (async () => {
      try {
        do {
          isReloadWanted = false;
          await readEndpoints();
        } while (isReloadWanted && !isClosed);
      } catch (error) {
        log.warn({ err: error }, 'the endpoints could not be read; the last known ones stay in force');
      } finally {
        reloading = null;
      }
    })();
    return reloading;
  }

  function workOf(serverId: string): ServerWork {
    const known = work.get(serverId);
    if (known) return known;
    const fresh = { timer: null, relistsPaidUntilMs: 0, isListing: false, isWantedAgain: false, failures: 0 };
    work.set(serverId, fresh);
    return fresh;
  }

  function schedule(serverId: string, delayMs: number): void {
    if (isClosed) return;
    const state = workOf(serverId);
    if (state.isListing) {
      state.isWantedAgain = true;
      return;
    }
    if (state.timer) return;
    state.timer = setTimeout(() => {
      state.timer = null;
      void list(serverId, state);
    }, delayMs);
  }

  function scheduleRelist(serverId: string): void {
    const aheadMs = workOf(serverId).relistsPaidUntilMs - performance.now();
    schedule(serverId, Math.max(debounceMs, aheadMs - (relistsAtOnce - 1) * relistEveryMs));
  }

  async function list(serverId: string, state: ServerWork): Promise<void> {
    state.isListing = true;
    state.relistsPaidUntilMs = Math.max(state.relistsPaidUntilMs, performance.now()) + relistEveryMs;
    try {
      const listing = await listOf(supervisor.listingUpstreamOf(serverId), listings.get(serverId));
      if (isClosed || work.get(serverId) !== state) return;
      state.failures = 0;
      const failed = listing.faults.find((fault) => fault.name === '');
      supervisor.listed(serverId, { tools: listing.tools.length, fault: failed?.reason ?? null });
      const isSame = canonicalJson(listings.get(serverId) ?? null) === canonicalJson(listing);
      listings.set(serverId, listing);
      if (!isSame) {
        bump();
        const faults = listing.faults.slice(0, loggedFaults);
        if (faults.length > 0) log.warn({ serverId, faults }, 'items of a list were left out');
      }
      await store(serverId, listing);
    } catch (error) {
      if (isClosed || work.get(serverId) !== state) return;
      log.warn({ err: error, serverId }, 'a server could not be listed; its last known list stays');
      const tools = listings.get(serverId)?.tools.length ?? 0;
      supervisor.listed(serverId, { tools, fault: asHubError(error).message, hasFailed: true });
      if (++state.failures > maxRetries) return;
      // A server that ended meanwhile is listed when it is opened again.
      const retry = () => {
        if (!isClosed && work.get(serverId) === state && isOpen(serverId)) schedule(serverId, 0);
      };
      setTimeout(retry, retryMs * state.failures).unref();
    } finally {
      state.isListing = false;
      if (state.isWantedAgain && !isClosed) {
        state.isWantedAgain = false;
        scheduleRelist(serverId);
      }
    }
  }

  async function store(serverId: string, listing: Listing): Promise<void> {
    try {
      const { added, removed, changed: altered, drifted } = await catalogs.store(serverId, listing);
      if (added.length + removed.length + altered.length === 0) return;
      const node = endpoints.servers.get(serverId);
      const name = node?.name ?? serverId;
      if (drifted.length > 0) {
        log.warn({ server: name, tools: drifted.slice(0, loggedFaults) }, 'a server changed tools that it had before');
        const held = Boolean(node?.pins);
        await bus.emit('tools.drift', {
          id: serverId,
          name,
          tools: drifted.slice(0, loggedFaults),
          count: drifted.length,
          held,
        });
      }
      const counts = { added: added.length, removed: removed.length, changed: altered.length };
      await bus.emit('tools.changed', { id: serverId, name, ...counts });
    } catch (error) {
      // The list in memory serves; the next listing writes it.
      log.warn({ err: error, serverId }, 'a list could not be stored');
    }
  }

  function isOpen(serverId: string): boolean {
    try {
      return Boolean(supervisor.listingUpstreamOf(serverId));
    } catch {
      return false;
    }
  }

  function forget(serverId: string): void {
    const state = work.get(serverId);
    if (state?.timer) clearTimeout(state.timer);
    work.delete(serverId);
    if (listings.delete(serverId)) bump();
  }

  return {
    /** Reads what is stored and begins to follow the servers. @throws what the store throws */
    async start(): Promise<void> {
      unsubscribe.push(
        supervisor.on('opened', (serverId) => {
          workOf(serverId).failures = 0;
          // The list of a new process may be another one, so it is asked at once.
          schedule(serverId, 0);
        }),
        supervisor.on('notification', (serverId, method) => {
          if (method.endsWith('/list_changed') && method.startsWith('notifications/')) scheduleRelist(serverId);
        }),
        supervisor.on('removed', (serverId) => {
          forget(serverId);
          void reload();
        }),
      );
      for (const event of [
        'server.created',
        'server.updated',
        'server.deleted',
        'group.created',
        'group.updated',
        'group.deleted',
        // What was seen for the first time is pinned from now on; what was approved is shown.
        'tools.changed',
        'tools.approved',
        'tools.curated',
        'tool-list.changed',
      ] as const) {
        unsubscribe.push(bus.on(event, reload));
      }
      const [stored] = await Promise.all([catalogs.load(), readEndpoints()]);
      for (const [serverId, listing] of stored) if (!listings.has(serverId)) listings.set(serverId, listing);
      bump();
      for (const serverId of endpoints.servers.keys()) if (isOpen(serverId)) schedule(serverId, 0);
      reloadTimer = setInterval(reload, reloadEveryMs).unref();
    },
    reload,
    get version() {
      return version;
    },
    get endpoints() {
      return endpoints;
    },
    listings: listings as ReadonlyMap<string, Listing>,
    close(): void {
      isClosed = true;
      for (const stop of unsubscribe.splice(0)) stop();
      if (tellTimer) clearTimeout(tellTimer);
      if (reloadTimer) clearInterval(reloadTimer);
      for (const { timer } of work.values()) if (timer) clearTimeout(timer);
      work.clear();
    },
  };
}

/** What the server says now; a list of which nothing came (its fault has no name) stays as it was. */
async function listOf(upstream: Upstream, before: Listing | undefined): Promise<Listing> {
  const { protocolVersion, serverInfo, capabilities, instructions } = upstream.handshake;
  const { faults, ttlMs, ...lists } = await listAll(upstream);
  const kept = (kind: string, list: 'resources' | 'resourceTemplates' | 'prompts') => {
    const hasFailed = lists[list].length === 0 && faults.some((fault) => fault.kind === kind && fault.name === '');
    return hasFailed && before ? before[list] : lists[list];
  };
  return {
    protocolVersion,
    serverInfo,
    capabilities,
    instructions: instructions ?? null,
    faults,
    tools: lists.tools,
    resources: kept('resource', 'resources'),
    resourceTemplates: kept('resourceTemplate', 'resourceTemplates'),
    prompts: kept('prompt', 'prompts'),
    ttlMs,
  };
}

export type Catalog = ReturnType<typeof createCatalog>;
