// What the web program has once per process: settings, database, bus, control client, keyring and actor resolver.
import {
  type ActorResolver,
  createActorResolver,
  createVault,
  type Keyring,
  loadKeyring,
  type Vault,
} from '@/lib/access';
import { basePathOf } from '@/lib/base-path';
import { type Cache, createCache, openSharedCache } from '@/lib/cache';
import { createControlClient } from '@/lib/control';
import { type Database, openDatabase } from '@/lib/db';
import { type Env, env, socketPaths } from '@/lib/env';
import { type Bus, createBus } from '@/lib/events/bus';
import { createRedisTransport } from '@/lib/events/redis';
import { log as hubLog, type Log } from '@/lib/log';
import type { ReadDocument } from '@/lib/servers';
import { singleton } from '@/lib/singleton';

/** An admin's change must not hang on a worker that does; its timer finds the change anyway. */
const eventTimeoutMs = 2_000;

export function settings(): Env {
  return env();
}

/** The path below which browsers see the hub; "" for none. */
export function basePath(): string {
  return basePathOf(settings().MCPHUB_PUBLIC_URL);
}

/** Cookies go to the hub alone, not to what else its proxy serves on the same host. */
export function cookiePath(): string {
  return basePath() || '/';
}

export function log(): Log {
  return hubLog('web', settings().LOG_LEVEL);
}

/** The pool. Opens at once; queries fail with UNAVAILABLE until the database is there. */
export function database(): Promise<Database> {
  return singleton('web.database', () => {
    const { DATABASE_URL, MCPHUB_DATA_DIR } = settings();
    return openDatabase({
      url: DATABASE_URL,
      socketDir: socketPaths(MCPHUB_DATA_DIR).databaseDir,
      log: log(),
      wait: false,
    });
  });
}

/** The client of the worker's control socket. */
export function worker(): ReturnType<typeof createControlClient> {
  return singleton('web.worker', () => createControlClient(socketPaths(settings().MCPHUB_DATA_DIR).worker));
}

/** Has a document read by the worker, which alone opens connections to others. */
export const readDocument: ReadDocument = (source, settings) => worker().call('openapi.read', { source, settings });

/** The bus of this process; shared events go to the worker, and to other machines by Redis. */
export function bus(): Bus {
  return singleton('web.bus', () => {
    const made = createBus((err, event) => log().warn({ err, event }, 'event not delivered'));
    made.addTransport({
      send: async (event) => {
        await worker().call('events.deliver', event, { signal: AbortSignal.timeout(eventTimeoutMs) });
      },
      close: async () => undefined,
    });
    const { REDIS_URL } = settings();
    if (REDIS_URL) {
      const report = (err: unknown) => log().warn({ err }, 'events over Redis are interrupted');
      void createRedisTransport({ url: REDIS_URL, deliver: made.deliver, report }).then(made.addTransport, report);
    }
    return made;
  });
}

/** For what many pages ask again and again: memory of this process, then Redis where the settings name one. */
export function cache(): Cache {
  return singleton('web.cache', () =>
    createCache({
      l2: openSharedCache(settings()),
      report: (err) =>
        err ? log().warn({ err }, 'the shared cache fails') : log().info('the shared cache works again'),
    }),
  );
}

export function keyring(): Keyring {
  return singleton('web.keyring', () => loadKeyring(settings(), log()));
}

/** Seals secrets; only the worker opens them. */
export function vault(): Vault {
  return singleton('web.vault', () => createVault(keyring()));
}

/** Credential → actor. Throws while the master key cannot be read, and works again once it can. */
export function resolver(): Promise<ActorResolver> {
  return singleton('web.resolver', () => {
    const { MCPHUB_BOOTSTRAP_API_KEY: bootstrapKey } = settings();
    const parts = { bus: bus(), keyring: keyring(), log: log(), bootstrapKey };
    return database().then(({ db }) => createActorResolver({ db, ...parts }));
  });
}
