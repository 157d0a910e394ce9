// Credentials of servers in use: read when a connection is opened, renewed before they run out and when a server refuses
// them. One renewal at a time for each, over all workers, because a refresh token that rotates is good once.
import { LRUCache } from 'lru-cache';
import type { Held, HeldStore } from '../../lib/credentials/held';
import type { CredentialSetting, OAuthSetting, StaticSetting } from '../../lib/credentials/schema';
import { asHubError, HubError } from '../../lib/errors';
import type { Log } from '../../lib/log';
import type { DesiredServer } from '../../lib/servers';
import type { Access } from '../upstream/types';
import type { Asking, AskingFor } from './asking';
import type { Discovery } from './discovery';
import { reasonPrefix, requestTokens, type Tokens } from './grants';
import { createMachineAccess } from './machine';
import type { Registration } from './registration';
import { readStepUp, stepsMax, writeStepUp } from './scopes';

/** A token is renewed so long before it runs out, or after half of its life. */
const marginMs = 60_000;
/** How soon it is tried again, when it could not be renewed and is still good. */
const againMs = 10_000;
/** Longer than a token request may take. */
const claimSeconds = 20;
const lookMs = 150;
const storeTries = 3;
const keptMax = 10_000;

export interface KeeperDeps {
  held: HeldStore;
  askingFor: AskingFor;
  discovery: Discovery;
  registration: Registration;
  /** Without a slash at its end. */
  publicUrl: string;
  log: Log;
  wait?: (ms: number) => Promise<void>;
}

type Server = Pick<DesiredServer, 'id' | 'name' | 'url' | 'credential' | 'type' | 'tls' | 'hash'>;

export function createKeeper(deps: KeeperDeps) {
  const { held: store, askingFor, discovery, registration, publicUrl, log } = deps;
  const wait = deps.wait ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
  const known = new LRUCache<string, { made: Promise<Access>; hash: string }>({ max: keptMax });

  /**
   * What a new connection proves itself with. Null: the server needs nothing of this kind.
   * @param user whose connection it is; null for one of the hub
   * @throws HubError UPSTREAM_NEEDS_AUTH, with `data.url` where the user can do something about it
   */
  async function accessFor(server: Server, user: string | null): Promise<Access | null> {
    const { credential } = server;
    if (!credential) return null;
    const owner = credential.per === 'hub' ? null : user;
    if (owner !== null && !isUuid(owner))
      throw needsAuth(server, credential, null, 'Callers without an account have none.');
    // Lists are asked for with a credential that works, whosever it is.
    const first = owner === null && credential.per === 'user' ? await store.findAny(server.id) : undefined;
    if (first === null) throw needsAuth(server, credential, null, 'Nobody has connected yet.');
    return kept(server, credential, first ? first.userId : owner);
  }

  function kept(server: Server, setting: CredentialSetting, owner: string | null): Promise<Access> {
    const key = `${server.id} ${owner ?? ''}`;
    const there = known.get(key);
    // It goes by the settings with which it was made.
    if (there && there.hash === server.hash) return there.made;
    const made = make(server, setting, owner);
    known.set(key, { made, hash: server.hash });
    made.catch(() => {
      if (known.get(key)?.made === made) known.delete(key);
    });
    return made;
  }

  async function make(server: Server, setting: CredentialSetting, owner: string | null): Promise<Access> {
    const found = await store.find(server.id, owner);
    if (!found) {
      const machine = setting.kind === 'oauth' ? await ofMachine(server, setting) : null;
      if (machine) return machine;
      throw needsAuth(
        server,
        setting,
        owner,
        owner === null ? 'Nobody has signed in yet.' : 'You have not connected yet.',
      );
    }
    if (found.kind !== setting.kind) throw needsAuth(server, setting, owner, 'The way to sign in has changed.');
    if (found.fault !== null) throw needsAuth(server, setting, owner, found.fault);
    void store.touch(found.id).catch(() => {});
    return setting.kind === 'static' ? fixed(server, setting, found) : new OAuthAccess(server, setting, found);
  }

  /** The hub may prove itself, without a person, where it has a secret to do so (RFC 6749, 4.4). */
  async function ofMachine(server: Server, setting: OAuthSetting): Promise<Access | null> {
    const { clientId, clientSecret } = setting;
    if (setting.per !== 'hub' || clientId === undefined || !clientSecret || server.url === null) return null;
    const asking = askingFor(server);
    const found = await discovery.discover(asking, new URL(server.url), setting.issuer);
    if (!found.issuer.grants.includes('client_credentials')) return null;
    const client = { clientId, clientSecret, authMethod: null };
    const fault = (why: string) => needsAuth(server, setting, null, why);
    return createMachineAccess({ asking, found, client, setting, fault });
  }

  function fixed(server: Server, { fields }: StaticSetting, { values, userId }: Held): Access {
    const setting = server.credential as StaticSetting;
    const missing = fields.find(({ name }) => !values[name]);
    if (missing) throw needsAuth(server, setting, userId, `"${missing.label}" has no value yet.`);
    const entry = ({ name, prefix }: StaticSetting['fields'][number]) => (prefix ?? '') + (values[name] ?? '');
    const refusal = () => needsAuth(server, setting, userId, 'The server refuses the values that were entered.');
    return {
      owner: userId,
      headers: fields.flatMap((field) =>
        field.header === undefined ? [] : [field.header.toLowerCase(), entry(field)],
      ),
      env: Object.fromEntries(fields.flatMap((field) => (field.env === undefined ? [] : [[field.env, entry(field)]]))),
      generation: 0,
      isDue: () => false,
      async renew() {
        throw refusal();
      },
      refusal,
      async wantsMore() {
        return needsAuth(server, setting, userId, 'The server wants more than the entered values allow.');
      },
    };
  }

  class OAuthAccess implements Access {
    readonly owner: string | null;
    readonly env = {};
    headers: readonly string[] = [];
    generation = 0;
    readonly #asking: Asking;
    #held: Held;
    #dueAtMs = Number.POSITIVE_INFINITY;
    #renewing: Promise<void> | null = null;

    constructor(
      private readonly server: Server,
      private readonly setting: OAuthSetting,
      held: Held,
    ) {
      this.#asking = askingFor(server);
      this.#held = held;
      this.owner = held.userId;
      this.#adopt(held);
    }

    #adopt(held: Held): void {
      const token = held.values.accessToken ?? '';
      const isNew = this.headers[1] !== `Bearer ${token}`;
      this.#held = held;
      this.#dueAtMs = dueAt(held);
      if (!isNew) return;
      this.headers = ['authorization', `Bearer ${token}`];
      this.generation += 1;
    }

    isDue(): boolean {
      return Date.now() >= this.#dueAtMs;
    }

    renew(refused: number | null): Promise<void> {
      if (refused !== null && refused !== this.generation) return Promise.resolve();
      this.#renewing ??= this.#renew(refused === null).finally(() => {
        this.#renewing = null;
      });
      return this.#renewing;
    }

    async #renew(isEarly: boolean): Promise<void> {
      try {
        const { generation } = this;
        await this.#read();
        // Another worker may have been here, or the user.
        if (this.generation !== generation && !this.isDue()) return;
        if (this.#held.values.refreshToken === undefined) {
          if (isEarly) return;
          await this.#fail('The server refuses the token, and there is none to renew it with.');
        }
        await this.#renewAlone(this.generation);
      } catch (error) {
        // Nothing was refused yet: as long as it is good it is used.
        const { code } = asHubError(error);
        const isGood = this.#held.expiresAt !== null && this.#held.expiresAt.getTime() > Date.now();
        if (!isEarly || !isGood || code === 'UPSTREAM_NEEDS_AUTH') throw error;
        this.#dueAtMs = Date.now() + againMs;
      }
    }

    /** @throws HubError UPSTREAM_NEEDS_AUTH when it is gone or does not work any more */
    async #read(): Promise<void> {
      const now = await store.find(this.server.id, this.#held.userId);
      if (now?.kind !== 'oauth') throw this.#needsAuth('The sign-in was taken back.');
      // What could not be stored is newer than what is stored.
      if (now.version !== this.#held.version || now.id !== this.#held.id) this.#adopt(now);
      if (now.fault !== null) throw this.#needsAuth(now.fault);
    }

    async #renewAlone(generation: number): Promise<void> {
      const { id } = this.#held;
      while (!(await store.claim(id, claimSeconds))) {
        await wait(lookMs);
        await this.#read();
        if (this.generation !== generation) return;
      }
      try {
        await this.#read();
        if (this.generation === generation) await this.#exchange();
      } finally {
        await store.release(id).catch(() => {}); // It ends by itself.
      }
    }

    async #exchange(): Promise<void> {
      const before = this.#held;
      const { issuer: name, clientId, values } = before;
      if (this.setting.issuer !== undefined && this.setting.issuer !== name) {
        await this.#fail('Another sign-in service belongs to the server now.');
      }
      const client = await registration.clientOf(this.#asking, this.setting, name, clientId ?? '');
      if (!client) await this.#fail('The client that it was given to is known no more.');
      const issuer = await discovery.issuerOf(this.#asking, name);
      const params = {
        grant_type: 'refresh_token',
        refresh_token: values.refreshToken ?? '',
        ...(values.resource !== undefined && { resource: values.resource }),
      };
      let tokens: Tokens;
      try {
        tokens = await requestTokens(this.#asking, issuer, client as NonNullable<typeof client>, params);
      } catch (error) {
        const { code, message, extras } = asHubError(error);
        if (code !== 'UPSTREAM_NEEDS_AUTH') throw error;
        if (extras.reason === `${reasonPrefix}invalid_client` && clientId)
          await registration.forget(this.#asking, name, clientId);
        await this.#read();
        if (this.#held.version !== before.version) return;
        return this.#fail(message);
      }
      const { accessToken, refreshToken, scopes, expiresAt } = tokens;
      const next = {
        values: { ...values, accessToken, ...(refreshToken !== null && { refreshToken }) },
        scopes: scopes ?? before.scopes,
        expiresAt,
      };
      const version = (await this.#store(before, next)) ? before.version + 1 : before.version;
      if (version === before.version) {
        await this.#read().catch((error: unknown) => {
          if (asHubError(error).code === 'UPSTREAM_NEEDS_AUTH') throw error;
        });
        // Somebody signed in meanwhile: that counts.
        if (this.#held.version !== before.version) return;
      }
      this.#adopt({ ...before, ...next, version });
    }

    /** A token that rotated and is not stored is lost with this process. */
    async #store(before: Held, next: Pick<Held, 'values' | 'scopes' | 'expiresAt'>): Promise<boolean> {
      for (let tries = 1; ; tries += 1) {
        try {
          return await store.renew(before, next);
        } catch (err) {
          log.warn({ err, server: this.server.name, tries }, 'a renewed credential could not be stored');
          if (tries === storeTries) return false;
          await wait(tries * 500);
        }
      }
    }

    async #fail(why: string): Promise<never> {
      await store.fail(this.#held, why).catch((err: unknown) => log.warn({ err }, 'a credential could not be marked'));
      throw this.#needsAuth(why);
    }

    #needsAuth(why: string): HubError {
      return needsAuth(this.server, this.setting, this.#held.userId, why);
    }

    refusal(): HubError {
      return this.#needsAuth('The server refuses the token, and a new one too.');
    }

    async wantsMore(scopes: readonly string[]): Promise<HubError> {
      await this.#read();
      const { tries, scopes: before } = readStepUp(this.#held);
      const wanted = [...new Set([...before, ...scopes])];
      if (tries >= stepsMax) {
        const message = `The server "${this.server.name}" wants more rights than it was granted in ${stepsMax} sign-ins.`;
        return new HubError('FORBIDDEN', message, { server: this.server.name, reason: 'insufficient-scope' });
      }
      if (wanted.length > before.length) {
        await store.note(this.#held, 'stepUp', writeStepUp({ tries, scopes: wanted }));
        await this.#read();
      }
      return this.#needsAuth('More rights are needed than were granted.');
    }
  }

  function needsAuth({ name }: Server, setting: CredentialSetting, user: string | null, why: string): HubError {
    const url = connectUrl(name);
    const [message, data] =
      setting.per === 'hub'
        ? [
            `The server "${name}" needs a sign-in of the hub, which an administrator can do at ${url}. ${why}`,
            undefined,
          ]
        : [
            `The server "${name}" needs you to connect your account: open ${url}. ${why}`,
            user === null ? undefined : { url },
          ];
    return new HubError('UPSTREAM_NEEDS_AUTH', message, { server: name, reason: 'needs-auth', ...(data && { data }) });
  }

  function connectUrl(name: string): string {
    return `${publicUrl}/connections/${encodeURIComponent(name)}`;
  }

  return {
    accessFor,
    connectUrl,
    /** Whether a connection for this user could be opened, as far as the hub can tell. @throws what the database throws */
    async isConnected(server: Server, user: string): Promise<boolean> {
      try {
        await accessFor(server, user);
        return true;
      } catch (error) {
        if (asHubError(error).code === 'UPSTREAM_NEEDS_AUTH') return false;
        throw error;
      }
    },
    /** A credential was stored or deleted. */
    forget: (serverId: string, userId: string | null) => void known.delete(`${serverId} ${userId ?? ''}`),
  };
}

export type Keeper = ReturnType<typeof createKeeper>;

function dueAt({ expiresAt, values }: Held): number {
  if (expiresAt === null || values.refreshToken === undefined) return Number.POSITIVE_INFINITY;
  const leftMs = expiresAt.getTime() - Date.now();
  return expiresAt.getTime() - Math.min(marginMs, Math.max(0, leftMs / 2));
}

function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}
