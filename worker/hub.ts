// Puts the worker together: which part gets what, in which order they begin and end. All parts are made and the port
// is opened at once; what needs the database begins when it answers.
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import {
  bootstrapAccess,
  createActorResolver,
  createVault,
  foreignTokens,
  loadKeyring,
  ownTokens,
  previousKeyring,
} from '../lib/access';
import { createOpener } from '../lib/access/vault/open';
import { basePathOf } from '../lib/base-path';
import { embeddedListens, isDatabaseUnavailable, migrate, openDatabase, rootMessage } from '../lib/db';
import { type Env, socketPaths } from '../lib/env';
import { HubError } from '../lib/errors';
import { createBus } from '../lib/events/bus';
import { createRedisTransport } from '../lib/events/redis';
import { installationIdOf } from '../lib/installation';
import { createLimiter, createPlaceStore, createUsageStore, loadLimits } from '../lib/limits';
import type { Log } from '../lib/log';
import { createSearchLog } from '../lib/quality';
import { documentStore, listDesired, listWatchable, loadLives, openStandIns, storeLife } from '../lib/servers';
import { loadCatalogs, loadEndpoints, noDiff, storeCatalog } from '../lib/servers/catalog';
import { prepareVault, rotateSecrets } from '../lib/servers/resealing';
import { createCallLog, metrics as processMetrics } from '../lib/telemetry';
import { trustedProxies } from '../lib/trusted-proxies';
import { createControl } from './control';
import { clientDocumentPath, createCredentials } from './credentials';
import { createDoctor } from './doctor';
import { createDoor } from './door';
import type { Fleet } from './fleet';
import { createWatching } from './fleet/watching';
import { createForeignIssuer } from './foreign-issuer';
import { createEndedSessions, createGateway, createProtectedResource, createWishStore } from './gateway';
import { createHealth } from './health';
import { type ConfigWatch, type Retention, startRetention, watchConfig } from './jobs';
import { createLive } from './live';
import { createOauth } from './oauth';
import { createOriginRules } from './origin';
import { createReports } from './reports';
import { createEmbeddings } from './search/embeddings';
import { createSupervision } from './supervision';
import { createProcessTrees } from './supervisor';
import { usageOf } from './supervisor/usage';
import { createClientDocuments, createEgress, readDocument } from './upstream';

export interface WorkerHub {
  /** The port that is open. */
  readonly port: number;
  /** Of clients, open at this worker. */
  readonly sessions: number;
  /** Resolves when servers run and the hub is ready: the link for the first admin while there is none. */
  readonly ready: Promise<{ setupUrl: string | null }>;
  /** Where the web program listens on 127.0.0.1. */
  setWebPort(port: number | null): void;
  /** Takes no new work, waits for requests under way, stops every server. Idempotent. */
  close(): Promise<void>;
  /** Kills every process of every server, writes what is waiting to be written, and waits for nothing else. */
  kill(): Promise<void>;
}

export interface WorkerOptions {
  env: Env;
  log: Log;
  version: string;
  /** What `${VAR}` in the servers file stands for, and what children inherit a few variables of. */
  processEnv: Record<string, string | undefined>;
  /** The other workers; null for the only one. */
  fleet: Fleet | null;
}

/** How long requests under way may take once the hub stops. */
const drainMs = 25_000;
/** So long before the drain is over, what still runs is ended with an answer. */
const lastWordMs = 1_000;
const databaseRetryMs = 250;

/** @throws HubError CONFLICT when the port is taken; Error when the master key is unusable */
export async function startWorkerHub(options: WorkerOptions): Promise<WorkerHub> {
  const { env, log, version, fleet } = options;
  const startedAt = new Date().toISOString();
  const sockets = socketPaths(env.MCPHUB_DATA_DIR);
  const keyring = loadKeyring(env, log);
  const vault = createVault(keyring);
  const opener = createOpener(keyring);
  const installationId = installationIdOf(env.MCPHUB_DATA_DIR);
  const metrics = processMetrics(version);
  const health = createHealth(['database', 'servers']);
  const origins = createOriginRules(env.HOST, env.MCPHUB_PUBLIC_URL, env.MCPHUB_ALLOWED_HOSTS);
  const bus = createBus((err, event) => log.warn({ err, event }, 'an event was not handled'));
  const database = await openDatabase({ url: env.DATABASE_URL, socketDir: sockets.databaseDir, log, wait: false });
  const { db } = database;
  const egress = createEgress(env.MCPHUB_EGRESS, { env: options.processEnv });
  const userAgent = `mcphub/${version}`;
  const foreign = env.MCPHUB_OAUTH_ISSUER
    ? createForeignIssuer({
        issuer: env.MCPHUB_OAUTH_ISSUER,
        audience: env.MCPHUB_OAUTH_AUDIENCE,
        userClaim: env.MCPHUB_OAUTH_USER_CLAIM,
        publicUrl: env.MCPHUB_PUBLIC_URL,
        egress,
        userAgent,
        log,
      })
    : null;
  const access = createActorResolver({
    db,
    bus,
    keyring,
    log,
    bootstrapKey: env.MCPHUB_BOOTSTRAP_API_KEY,
    tokens: foreign ? foreignTokens(db, foreign) : ownTokens(db, env.MCPHUB_PUBLIC_URL),
  });
  const protectedResource = createProtectedResource(
    env.MCPHUB_PUBLIC_URL,
    env.MCPHUB_OAUTH_ISSUER ?? env.MCPHUB_PUBLIC_URL,
  );
  const callLog = createCallLog(db, log, { onDropped: (rows) => metrics.dropped('call-log', rows) });
  const searchLog = createSearchLog(db, log, { onDropped: (rows) => metrics.dropped('search-log', rows) });
  const credentials = createCredentials({
    db,
    vault,
    opener: () => createOpener(keyring),
    egress,
    publicUrl: env.MCPHUB_PUBLIC_URL,
    version,
    processEnv: options.processEnv,
    log,
    desired,
    changed: async (serverId, userId) => bus.emit('credential.changed', { serverId, userId }),
  });
  const { accessFor } = credentials;
  const supervision = createSupervision({ ...options, db, opener, installationId, accessFor });
  const { supervisor } = supervision;
  const reports = createReports({
    supervisor,
    answersFor: supervision.answersFor,
    load: () => loadLives(db),
    store: (serverId, life) => storeLife(db, serverId, life),
    log,
  });
  const doctor = createDoctor({
    egress,
    trees: createProcessTrees(),
    installationId: fleet ? `${installationId}:${fleet.self}` : installationId,
    ownEnv: options.processEnv,
    version,
    log,
    documentsOf: (serverId) => documentStore(db, serverId),
    accessFor,
  });
  const places = createPlaceStore(db);
  const limiter = createLimiter({
    store: createUsageStore(db),
    // The embedded database has no other hubs.
    shared: fleet || env.DATABASE_URL ? { store: places, ...supervision.named } : undefined,
    load: () => loadLimits(db),
    bus,
    log,
    onRefused: metrics.limited,
  });
  const { MCPHUB_EMBEDDINGS_URL: url, MCPHUB_EMBEDDINGS_MODEL: model } = env;
  const embeddings =
    url && model
      ? createEmbeddings({
          settings: { url, model, apiKey: env.MCPHUB_EMBEDDINGS_API_KEY },
          db,
          bus,
          egress,
          userAgent,
          asked: metrics.embeddingsAsked,
          log,
        })
      : null;
  const gateway = createGateway({
    supervisor,
    embeddings,
    limiter,
    resolveActor: access.resolveCaller,
    protectedResource,
    reloadActor: access.reload,
    catalogs: {
      load: () => loadCatalogs(db),
      // Every worker lists what it reaches; one of them writes it down.
      store: async (serverId, listing) =>
        supervision.answersFor(serverId) ? storeCatalog(db, serverId, listing) : noDiff,
    },
    loadEndpoints: () => loadEndpoints(db),
    keyring,
    endedSessions: createEndedSessions(db),
    wishes: createWishStore(db),
    isConnected: async (serverId, userId) => credentials.isConnected(await desired(serverId), userId),
    limits: { strangersPerMinute: env.MCPHUB_ANONYMOUS_PER_MINUTE },
    strangerRefused: (reason) => metrics.limited('address', reason),
    searches: metrics,
    recordSearch: searchLog.record,
    spendTokens(cost) {
      searchLog.spend(cost);
      metrics.searchCost(cost);
    },
    ...(supervision.line && { peers: supervision.line }),
    recordCall(entry) {
      callLog.record(entry);
      live.call(entry);
      metrics.toolCall(entry.server ?? null, entry.tool ?? null, entry.outcome, entry.durationMs / 1000);
    },
    bus,
    log,
    origins,
    version,
  });
  const live = createLive({
    resolveSession: access.resolveSession,
    serversOf: (actor) => listWatchable(db, actor),
    allowsOrigin: origins.allowsOrigin,
    bus,
    supervisor,
    ...(fleet && { peers: createWatching(fleet) }),
    log,
    src: randomBytes(6).toString('base64url'),
  });
  // Where another issuer gives the tokens the hub gives none.
  const oauth = foreign
    ? null
    : createOauth({
        db,
        bus,
        keyring,
        log,
        issuer: env.MCPHUB_PUBLIC_URL,
        fetchDocument: createClientDocuments({ egress, env: options.processEnv }),
      });
  const door = createDoor({
    gateway,
    protectedResource,
    live,
    oauth,
    documents: new Map([[clientDocumentPath, credentials.clientDocument]]),
    failing: health.failing,
    metrics: { ...metrics, text: async () => metrics.text(await supervision.metricsOfOthers?.()) },
    resolveActor: access.resolveBearer,
    origins,
    host: env.HOST,
    port: env.PORT,
    basePath: basePathOf(env.MCPHUB_PUBLIC_URL),
    proxies: trustedProxies(env.MCPHUB_TRUSTED_PROXIES),
    publicProtocol: new URL(env.MCPHUB_PUBLIC_URL).protocol.slice(0, -1),
    log,
  });
  let config: ConfigWatch | undefined;
  let retention: Retention | undefined;
  let stopGivingBack: (() => void) | undefined;
  const control = createControl({
    socketPath: supervision.socketPath,
    gateway,
    supervisor,
    reports,
    doctor,
    desired,
    credentials,
    readDocument: (source, settings) => readDocument(source, settings, { egress, userAgent }),
    filled: (server, serverId) => openStandIns(db, opener, serverId, server),
    rotateSecrets: (source) => rotateSecrets(db, keyring, source),
    consents: oauth?.consents ?? null,
    metrics,
    deliver: async (event) => {
      await bus.deliver(event);
      fleet?.send({ kind: 'event', event });
    },
    log,
    ...(supervision.peers && { peers: supervision.peers }),
    hub: () => ({ startedAt, version, configFaults: [...(config?.faults ?? [])], configFile: config?.file ?? null }),
  });

  bus.on('credential.changed', ({ serverId, userId }) => {
    credentials.forget(serverId, userId);
    supervisor.renewCredential(serverId, userId);
    void credentials.giveBackAll();
    return userId === null ? undefined : gateway.connectionChanged(serverId, userId);
  });
  for (const event of ['server.created', 'server.updated', 'server.deleted'] as const) {
    bus.on(event, () => {
      if (event !== 'server.created') void credentials.giveBackAll();
      return supervisor.reconcile();
    });
  }
  bus.on('tools.drift', ({ name, count }) => metrics.toolsDrifted(name, count));
  bus.on('server.restart', ({ id }) => supervisor.restart(id));
  const serverNames = new Map<string, string>();
  supervisor.on('status', ({ id, name, state }) => {
    const before = serverNames.get(id);
    if (before !== undefined && before !== name) metrics.removeServer(before);
    serverNames.set(id, name);
    // With several workers a scrape adds their figures up.
    if (supervision.answersFor(id)) metrics.serverStatus(name, state);
    else metrics.removeServer(name);
  });
  supervisor.on('removed', (id) => {
    metrics.removeServer(serverNames.get(id) ?? '');
    serverNames.delete(id);
  });

  metrics.usageFrom(() =>
    supervisor.statuses().flatMap((status) => {
      const usage = supervision.answersFor(status.id) ? usageOf(status) : null;
      return usage ? [{ name: status.name, ...usage }] : [];
    }),
  );

  metrics.healthFrom(() =>
    supervisor.statuses().flatMap(({ id, name, instances }) => {
      if (!supervision.answersFor(id) || !instances.some(({ health: checked }) => checked)) return [];
      return [{ name, failing: instances.filter(({ health: checked }) => checked?.ok === false).length }];
    }),
  );

  /** A saved server as it shall be. @throws HubError NOT_FOUND */
  async function desired(serverId: string) {
    const found = (await listDesired(db, options.processEnv, opener)).find(({ id }) => id === serverId);
    if (!found) throw new HubError('NOT_FOUND');
    return found;
  }

  const stopping = new AbortController();

  /** The schema, once the database is there. A fault of the schema itself ends the worker. */
  async function prepareDatabase(): Promise<void> {
    for (;;) {
      try {
        if (!env.DATABASE_URL) {
          await embeddedListens(sockets.databaseDir, stopping.signal, (reason) => health.fail('database', reason));
        }
        await migrate(database);
        health.pass('database');
        return;
      } catch (error) {
        if (stopping.signal.aborted || !isDatabaseUnavailable(error)) throw error;
        health.fail('database', rootMessage(error));
        await new Promise((done) => setTimeout(done, databaseRetryMs));
      }
    }
  }

  /** What only one worker does. */
  async function lead(): Promise<void> {
    if (stopping.signal.aborted) return;
    supervision.lead();
    embeddings?.lead();
    const path = resolve(env.MCPHUB_CONFIG ?? 'mcp.json');
    config = await watchConfig({ db, bus, vault, log, path, required: env.MCPHUB_CONFIG !== undefined });
    retention = startRetention({ db, log });
    stopGivingBack = credentials.keepGivingBack();
  }

  async function begin(): Promise<{ setupUrl: string | null }> {
    const isPrepared = fleet !== null && (await fleet.prepared());
    let setupToken: string | null = null;
    if (!isPrepared) {
      await prepareDatabase();
      await prepareVault({ db, vault, keyring, previous: previousKeyring(env), log });
      ({ setupToken } = await bootstrapAccess({ db, env, log }));
      await supervision.clearAll();
      if (!env.DATABASE_URL) await places.clear();
    }
    health.pass('database');
    if (!fleet || fleet.leads) await lead();
    else
      void fleet
        .leading()
        .then(lead)
        .catch((err: unknown) => log.error({ err }, 'the lead could not be taken over'));
    fleet?.tellPrepared();
    // Each keeps up with the other: a server that opens before the catalogue is read is listed all the same.
    await limiter.start();
    await embeddings?.start();
    await Promise.all([gateway.start(), supervisor.start(), reports.start()]);
    void credentials.giveBackAll();
    health.watchDatabase(db);
    health.pass('servers');
    return { setupUrl: setupToken && `${env.MCPHUB_PUBLIC_URL}/setup?token=${setupToken}` };
  }

  async function close(): Promise<void> {
    health.fail('draining', 'The hub is stopping.');
    stopping.abort();
    // Event streams would hold the door open for ever, so they end first; calls under way have their time.
    gateway.drain();
    supervision.retire();
    await config?.close();
    await live.close();
    const lastWord = setTimeout(() => {
      const calls = gateway.interrupt();
      if (calls > 0) log.warn({ calls }, 'calls that outlast the stop are ended');
    }, drainMs - lastWordMs);
    await door.close(drainMs);
    clearTimeout(lastWord);
    await doctor.close();
    await supervision.idle(drainMs);
    await control.close();
    await gateway.close();
    await embeddings?.close();
    await supervisor.stop();
    await reports.close();
    await retention?.close();
    stopGivingBack?.();
    await limiter.close();
    await callLog.close();
    await searchLog.close();
    await access.close();
    await foreign?.close();
    await bus.close();
    health.close();
    await database.close();
  }

  if (fleet) {
    bus.addTransport({
      carriesAll: true,
      send: async (event) => fleet.send({ kind: 'event', event }),
      close: async () => {},
    });
    fleet.on('event', ({ event }) => void bus.deliver(event));
  }
  await control.listen();
  const port = await door.listen();
  if (env.REDIS_URL) {
    const report = (err: unknown) => log.warn({ err }, 'events over Redis are interrupted');
    void createRedisTransport({ url: env.REDIS_URL, deliver: bus.deliver, report }).then(bus.addTransport, report);
  }
  const ready = begin();
  let closing: Promise<void> | null = null;
  return {
    port,
    get sessions() {
      return gateway.stats().sessions;
    },
    ready,
    setWebPort: door.setWebPort,
    async kill() {
      await Promise.all([supervisor.kill(), callLog.flush(), searchLog.flush()]);
    },
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}
