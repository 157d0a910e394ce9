// One instance of a server: what shall be, what is, and the steps from one to the other. All its steps go through one
// loop, so a start and a stop never overlap; an opening connection is not waited for there, so a wish that comes
// meanwhile is acted on at once.
import { randomUUID } from 'node:crypto';
import type { LastExit } from '../../drizzle/schema';
import { asHubError, HubError } from '../../lib/errors';
import { quoteOfStderr } from '../../lib/servers/program-output';
import type { LogLine, ServerLimits, ServerState, ServerStatus } from '../../lib/servers/schema';
import { hideSecrets, redacted } from '../../lib/telemetry/redact';
import type { Egress } from '../upstream';
import {
  type Access,
  type ClientSide,
  type CloseReason,
  type DocumentStore,
  type EraMemory,
  eraOf,
  openUpstream,
  type Upstream,
} from '../upstream';
import { createExitRecord, stableMs } from './backoff';
import type { Clock } from './clock';
import { failuresBeforeRestart, type Health, unhealthy, watchHealth } from './health';
import { type Breach, type InstanceUsage, launcherFor, type Platform, unenforced } from './limits';
import type { LogRing } from './log-ring';
import type { ProcessInfo, ProcessTrees } from './process-tree';
import type { StartTurns } from './start-turns';
import { type Cause, initialState, transition } from './transitions';
import type { DesiredServer, ListingOutcome, Observation } from './types';

/** A sign-in is missing until a person acts; asking now and then costs nothing. */
const needsAuthRetryMs = 300_000;
const shownStderrLines = 20;
/** What it uses is told no more often. */
const tellUsageMs = 4_000;
/** Nor that it is still well. */
const tellHealthMs = 30_000;

/** What an instance works towards. */
export interface Target extends DesiredServer {
  /** It shall not run until somebody needs it. */
  isAsleep?: boolean;
}

export interface InstanceEvents {
  /** The state or what is shown with it has changed. */
  changed(): void;
  /** After a health check. */
  checked(ok: boolean): void;
  /** Before the state becomes "ready". */
  opened(upstream: Upstream): void;
  notification(method: string, params: Record<string, unknown> | undefined): void;
  observed(observation: Observation): void;
}

/** What people see of an instance; of its server it is the same, see ServerStatus. */
export interface InstanceView
  extends Pick<ServerStatus, 'state' | 'reason' | 'message' | 'since' | 'attempt' | 'nextRetryAt' | 'tools'> {
  /** Limits of the row that cannot be held on this platform. */
  unenforced: string[];
  /** Absent while nothing runs and nothing will be started soon. */
  shown: ServerStatus['instances'][number] | null;
}

export interface InstanceOptions {
  clock: Clock;
  random: () => number;
  egress: Egress;
  trees: ProcessTrees;
  platform: Platform;
  installationId: string;
  ownEnv: Record<string, string | undefined>;
  turns: StartTurns;
  version: string;
  handshakeTimeoutMs?: number;
  /** Where the documents of OpenAPI servers are kept. */
  documentsOf?: ((serverId: string) => DocumentStore) | undefined;
  /** Its place among the instances of its server. */
  ordinal: number;
  /** Starts of the instance in whose place it comes. */
  startsBefore: number;
  /** Whose it alone is, or shall be: it is "ready" before that is known. */
  borrower?: Promise<ClientSide>;
  /** The user whose credential it proves itself with; null: that of the hub. */
  user?: string | null;
  /** What an instance proves itself with, beside its row. @throws HubError UPSTREAM_NEEDS_AUTH */
  accessFor?: ((server: DesiredServer, user: string | null) => Promise<Access | null>) | undefined;
  /** The log of its server. */
  ring: Pick<LogRing, 'push'>;
  emit<E extends keyof InstanceEvents>(event: E, ...args: Parameters<InstanceEvents[E]>): void;
  /** New lines of the ring; the receiver batches them. */
  logged(line: LogLine): void;
  /** A fault of our own in a step; the instance goes on with its next wish. */
  report(error: unknown): void;
}

export interface Instance {
  readonly id: string;
  readonly ordinal: number;
  /** Starts so far, with those of the instances before it. */
  readonly starts: number;
  /** Of the configuration that it works towards. */
  readonly hash: string;
  readonly upstream: Upstream | null;
  readonly pid: number | null;
  /** Value of MCPHUB_INSTANCE of its processes. */
  readonly marker: string;
  readonly limits: ServerLimits;
  readonly lastExit: LastExit | null;
  /** The user whose credential it was opened with; null: none, or the hub's. */
  readonly credentialOf: string | null;
  /** Why nothing proves who it is, with what its caller can do about it; null while something does. */
  readonly refusal: HubError | null;
  readonly view: InstanceView;
  /** Sets what shall be and acts on it; another hash restarts the server at once. Never rejects, nor do the others. */
  want(desired: Target): Promise<void>;
  /** Ends what runs and starts it at once with a fresh back-off. Resolves when the new start is under way. */
  restart(): Promise<void>;
  /** Ends it for good. Resolves when no process is left. */
  remove(): Promise<void>;
  listed(outcome: ListingOutcome): void;
  /** Notes what the process tree uses; a change that people would notice is told. */
  measured(usage: InstanceUsage): void;
  /** Ends what runs at once, tells why, and starts it again by the usual delays. Does nothing while nothing runs. */
  stopFor(breach: Breach): void;
}

/** One life: from a start to the end of all that came of it. */
interface Life {
  hash: string;
  abort: AbortController;
  upstream: Upstream | null;
  startedAt: number;
  /** As startedAt, on the clock that nothing moves, and how long after it came what. */
  begunAt: number;
  spawnMs: number | null;
  firstByteMs: number | null;
  isListed: boolean;
  readyAt: number | null;
  /** Ended by us. */
  stopping: boolean;
  /** Its end was told. */
  ended: boolean;
  gone: Promise<void>;
}

export function createInstance(first: Target, options: InstanceOptions): Instance {
  const { clock } = options;
  const id = randomUUID();
  const marker = `${options.installationId}:${id}`;
  const { ring, ordinal } = options;
  const exits = createExitRecord();
  let goal: Target = first;
  let removed = false;
  let restartWanted = false;
  let state = initialState('stopped', clock.now());
  /** What the connections of this configuration found out; a new one is asked anew. */
  let eras: EraMemory = { era: first.said === null ? null : eraOf(first.said.protocolVersion) };
  let life: Life | null = null;
  let cancelRetry: (() => void) | null = null;
  let cancelStable: (() => void) | null = null;
  let stopChecks: (() => void) | null = null;
  let health: Health | null = null;
  let nextRetryAt: number | null = null;
  let lastExit: LastExit | null = null;
  let starts = options.startsBefore;
  let pid: number | null = null;
  let refusal: HubError | null = null;
  let access: Access | null = null;
  let usage: InstanceUsage | null = null;
  let shown = { rssBytes: 0, cpuPercent: 0, processes: 0, atMs: -Infinity };
  let tools = 0;
  let toldHealthAt = 0;
  /** Its own last lines: the ring holds those of all instances. */
  let lastStderr: string[] = [];
  let driving: Promise<void> | null = null;
  let driveAgain = false;

  function observe(observation: Observation): void {
    options.emit('observed', observation);
  }

  function move(to: ServerState, cause: Cause | null = null): void {
    const { state: before, reason } = state;
    const told = cause && { ...cause, message: hide(cause.message) };
    state = transition(state, to, told, clock.now());
    if (to !== before || state.reason !== reason) observe({ kind: 'moved', ...stateShown() });
    options.emit('changed');
  }

  function stateShown() {
    return { state: state.state, reason: state.reason, message: state.message };
  }

  function tell(): void {
    move(state.state, state.reason === null ? null : { reason: state.reason, message: state.message ?? '' });
  }

  /** A program may print what it was given, and a server may quote a header. */
  function hide(text: string): string {
    const known = hideSecrets(goal.id, text);
    return access === null
      ? known
      : secretsOf(access).reduce((clean, secret) => clean.replaceAll(secret, redacted), known);
  }

  function note(text: string): void {
    const line = ring.push('hub', hide(text));
    if (line) options.logged(line);
  }

  function drive(): Promise<void> {
    if (driving) {
      driveAgain = true;
      return driving;
    }
    const run = async () => {
      do {
        driveAgain = false;
        await settle().catch(options.report);
      } while (driveAgain);
    };
    driving = run().finally(() => {
      driving = null;
      if (driveAgain) void drive();
    });
    return driving;
  }

  function shallRun(): boolean {
    return goal.enabled && goal.running && goal.fault === null && !goal.isAsleep && !removed;
  }

  async function settle(): Promise<void> {
    while (life && (!shallRun() || life.hash !== goal.hash || restartWanted)) await end(life);
    if (life) return;
    if (restartWanted) forgive();
    restartWanted = false;
    if (!shallRun()) rest();
    else if (!cancelRetry) begin();
  }

  /** Forgets exits and a pending delay: whoever changed or asked something wants to see it happen. */
  function forgive(): void {
    exits.reset();
    stopRetry();
  }

  function stopRetry(): void {
    cancelRetry?.();
    cancelRetry = null;
    nextRetryAt = null;
  }

  function rest(): void {
    stopRetry();
    exits.reset();
    const to = restingState();
    const cause = to === 'crashed' ? { reason: 'config-fault', message: goal.fault ?? '' } : null;
    if (state.state !== to || state.message !== (cause?.message ?? null)) move(to, cause);
  }

  function restingState(): ServerState {
    if (!goal.enabled) return 'disabled';
    if (!goal.running || removed) return 'stopped';
    return goal.fault === null ? 'asleep' : 'crashed';
  }

  function begin(): void {
    exits.started();
    starts += 1;
    const mine: Life = {
      hash: goal.hash,
      abort: new AbortController(),
      upstream: null,
      startedAt: clock.now(),
      begunAt: clock.monotonic(),
      spawnMs: null,
      firstByteMs: null,
      isListed: false,
      readyAt: null,
      stopping: false,
      ended: false,
      gone: Promise.resolve(),
    };
    life = mine;
    move('starting');
    mine.gone = live(mine);
  }

  async function live(mine: Life): Promise<void> {
    let noted: ProcessInfo[] = [];
    let onClosed: () => void = () => {};
    const closed = new Promise<void>((resolve) => {
      onClosed = resolve;
    });
    const endTurn = goal.type === 'stdio' ? await options.turns.take(mine.abort.signal) : () => {};
    mine.begunAt = clock.monotonic();
    try {
      refusal = null;
      access = goal.credential ? await accessFor(goal) : null;
      const upstream = await openUpstream(
        goal,
        {
          client: { name: 'mcphub', version: options.version },
          egress: options.egress,
          signal: mine.abort.signal,
          handshakeTimeoutMs: options.handshakeTimeoutMs,
          random: options.random,
          memory: eras,
          borrower: options.borrower,
          access,
          documents: options.documentsOf?.(goal.id),
          process: {
            marker,
            ownEnv: options.ownEnv,
            launcher: launcherFor(goal.limits, options.platform),
            beforeStop: async (root) => {
              noted = await options.trees.find(marker, [root]);
            },
            reap: async () => {
              await options.trees.kill(marker, noted);
            },
          },
        },
        {
          notification: (method, params) => {
            if (!mine.ended) options.emit('notification', method, params);
          },
          closed: (reason) => {
            ended(mine, reason);
            onClosed();
          },
          spawned: (started) => {
            pid = started;
            mine.spawnMs = clock.monotonic() - mine.begunAt;
            note(`Started ${goal.command} (pid ${started}).`);
          },
          stderr: takeStderr,
          prepared: () => {
            endTurn();
            if (!mine.ended && state.state === 'starting') move('ready');
          },
          inVain: (message) => {
            note(message);
            observe({ kind: 'in-vain', message });
          },
          sighted: (sighting) => {
            if (sighting.kind === 'first-byte') mine.firstByteMs ??= clock.monotonic() - mine.begunAt;
            else if (sighting.kind !== 'garbage') observe(sighting);
          },
          doubtful: (message, reason) => {
            if (!mine.ended && state.state === 'starting') move('retrying', { reason, message });
          },
        },
      );
      endTurn();
      opened(mine, upstream);
      await closed;
      await upstream.close();
    } catch (error) {
      const { extras, message } = asHubError(error);
      const { reason = 'handshake-failed', retryAfterMs, data } = extras;
      ended(mine, { reason, message, data, ...(retryAfterMs !== undefined && { retryAfterMs }) });
    } finally {
      endTurn();
      pid = null;
      usage = null;
      life = null;
      void drive();
    }
  }

  async function accessFor(server: Target): Promise<Access | null> {
    if (options.accessFor) return options.accessFor(server, options.user ?? null);
    throw new HubError('UPSTREAM_NEEDS_AUTH', undefined, { server: server.name, reason: 'needs-auth' });
  }

  function opened(mine: Life, upstream: Upstream): void {
    if (mine.ended) return;
    mine.upstream = upstream;
    mine.readyAt = clock.monotonic();
    const { serverInfo, protocolVersion } = upstream.handshake;
    note(`Ready: ${serverInfo.name} ${serverInfo.version ?? ''}, protocol ${protocolVersion}.`);
    if (mine.stopping) return;
    const { begunAt, spawnMs, firstByteMs } = mine;
    observe({ kind: 'started', spawnMs, firstByteMs, initializeMs: mine.readyAt - begunAt });
    options.emit('opened', upstream);
    move('ready');
    startChecks(upstream);
    cancelStable = clock.after(stableMs, () => {
      exits.stable();
      tell();
    });
  }

  function startChecks(upstream: Upstream): void {
    stopChecks?.();
    stopChecks = null;
    health = null;
    if (!goal.healthCheck) return;
    const { random } = options;
    stopChecks = watchHealth(upstream, { clock, random, settings: goal.healthCheck, checked: takeHealth });
  }

  function takeHealth(now: Health): void {
    const before = health;
    health = now;
    options.emit('checked', now.ok);
    if (!now.ok) note(`A health check failed (${now.failures} in a row).`);
    else if (before?.ok === false) note('A health check succeeded again.');
    if (now.failures >= failuresBeforeRestart) void life?.upstream?.close(unhealthy(now));
    else if (before?.ok !== now.ok || !now.ok || clock.now() - toldHealthAt >= tellHealthMs) {
      toldHealthAt = clock.now();
      tell();
    }
  }

  /** Tells the end of a life at once; what is left of its processes is cleared away afterwards. */
  function ended(mine: Life, reason: CloseReason): void {
    if (mine.ended) return;
    mine.ended = true;
    mine.upstream = null;
    usage = null;
    cancelStable?.();
    cancelStable = null;
    stopChecks?.();
    stopChecks = null;
    const stderr = lastStderr;
    lastStderr = [];
    const lastLine = stderr.at(-1)?.trim();
    const failed = !mine.stopping && (reason.reason === 'exited' || reason.reason === 'killed');
    const message =
      failed && lastLine ? hide(reason.message) + quoteOfStderr + lastLine.slice(0, 300) : hide(reason.message);
    const { exitCode, signal, data } = reason;
    if (reason.reason === 'needs-auth') {
      refusal = new HubError('UPSTREAM_NEEDS_AUTH', message, {
        server: goal.name,
        reason: 'needs-auth',
        ...(data && { data }),
      });
    }
    lastExit = {
      at: new Date(clock.now()).toISOString(),
      reason: reason.reason,
      message,
      ...(exitCode !== undefined && { exitCode }),
      ...(signal !== undefined && { signal }),
      ...(goal.type === 'stdio' && { stderr }),
    };
    note(message);
    if (!mine.stopping) retryAfter(mine, { reason: reason.reason, message }, reason.retryAfterMs);
  }

  /** @param atLeastMs how long the server wants to be left alone */
  function retryAfter(mine: Life, cause: Cause, atLeastMs = 0): void {
    const now = clock.monotonic();
    const needsAuth = cause.reason === 'needs-auth';
    const upMs = mine.readyAt === null ? 0 : now - mine.readyAt;
    observe({ kind: 'ended', reason: cause.reason, upMs: mine.readyAt === null ? null : upMs });
    const own = needsAuth ? needsAuthRetryMs : exits.ended(now, upMs, options.random(), goal.limits.restartsPerHour);
    const delay = Math.max(own, atLeastMs);
    nextRetryAt = clock.now() + delay;
    cancelRetry = clock.after(delay, () => {
      stopRetry();
      observe({ kind: 'restarted' });
      void drive();
    });
    move(needsAuth ? 'needs-auth' : exits.crashed ? 'crashed' : 'retrying', { ...cause, message: causeText(cause) });
  }

  function causeText({ message }: Cause): string {
    if (!exits.overBudget) return message;
    const granted = goal.limits.restartsPerHour ?? 0;
    return `${message} It has had the ${granted} restart${granted === 1 ? '' : 's'} an hour that it is granted.`;
  }

  async function end(mine: Life): Promise<void> {
    stopRetry();
    const { upstream } = mine;
    mine.stopping = true;
    mine.upstream = null;
    if (state.state !== 'stopping') move('stopping');
    mine.abort.abort();
    await upstream?.close();
    await mine.gone;
  }

  function takeStderr(texts: string[]): void {
    const told = texts.map(hide);
    lastStderr = [...lastStderr, ...told].slice(-shownStderrLines);
    for (const text of told) {
      const line = ring.push('stderr', text);
      if (line) options.logged(line);
    }
  }

  function view(): InstanceView {
    const handshake = life?.upstream?.handshake;
    const missing = goal.type === 'stdio' ? unenforced(goal.limits, options.platform) : [];
    const active = life !== null || cancelRetry !== null;
    return {
      state: state.state,
      reason: state.reason,
      message: state.message,
      since: state.since,
      attempt: exits.attempts,
      nextRetryAt: nextRetryAt === null ? null : new Date(nextRetryAt).toISOString(),
      tools,
      unenforced: missing,
      shown: active
        ? {
            id,
            state: state.state,
            pid,
            startedAt: life && !life.ended ? new Date(life.startedAt).toISOString() : null,
            restarts: Math.max(0, starts - 1),
            protocolVersion: handshake?.protocolVersion ?? null,
            serverInfo: handshake ? { name: handshake.serverInfo.name, version: handshake.serverInfo.version } : null,
            rssBytes: usage?.rssBytes ?? null,
            cpuSeconds: usage?.cpuSeconds ?? null,
            cpuPercent: usage && Math.round(usage.cpuPercent),
            processes: usage?.processes ?? null,
            message: state.message,
            ...(health && { health }),
          }
        : null,
    };
  }

  return {
    id,
    marker,
    ordinal,
    get starts() {
      return starts;
    },
    get hash() {
      return goal.hash;
    },
    get limits() {
      return goal.limits;
    },
    get upstream() {
      return life?.upstream ?? null;
    },
    get pid() {
      return pid;
    },
    get lastExit() {
      return lastExit;
    },
    get credentialOf() {
      return access?.owner ?? null;
    },
    get refusal() {
      return refusal;
    },
    get view() {
      return view();
    },
    want(desired) {
      const renamed = desired.name !== goal.name;
      if (desired.hash !== goal.hash || desired.fault !== goal.fault) forgive();
      if (desired.hash !== goal.hash) eras = { era: null };
      const checksDiffer = JSON.stringify(desired.healthCheck) !== JSON.stringify(goal.healthCheck);
      goal = desired;
      if (checksDiffer && life?.upstream) startChecks(life.upstream);
      if (renamed) tell();
      return drive();
    },
    restart() {
      restartWanted = true;
      return drive();
    },
    async remove() {
      removed = true;
      await drive();
    },
    listed({ tools: count, fault, hasFailed }) {
      const changed = tools !== count;
      if (life?.upstream && !life.isListed && !hasFailed) {
        life.isListed = true;
        observe({ kind: 'listed', ms: clock.monotonic() - life.begunAt });
      }
      tools = count;
      if (fault !== null && (state.state === 'ready' || state.state === 'degraded')) {
        if (changed || state.message !== fault) move('degraded', { reason: 'listing-failed', message: fault });
      } else if (fault === null && state.state === 'degraded') move('ready');
      else if (changed) tell();
    },
    measured(now) {
      if (pid === null || !life || life.ended) return;
      usage = now;
      const atMs = clock.monotonic();
      const grown = Math.abs(now.rssBytes - shown.rssBytes) > shown.rssBytes / 10;
      const busier = Math.abs(now.cpuPercent - shown.cpuPercent) > 10;
      if (atMs - shown.atMs < tellUsageMs || !(grown || busier || now.processes !== shown.processes)) return;
      shown = { ...now, atMs };
      tell();
    },
    stopFor({ reason, message }) {
      if (!life || life.stopping || life.ended) return;
      note(`Stopped, because it is over a limit: ${message}.`);
      const close: CloseReason = { reason, message, atOnce: true };
      if (life.upstream) void life.upstream.close(close);
      else life.abort.abort(close);
    },
  };
}

/** Shorter ones would hide half of every text. */
const secretFromLength = 6;

/** Without its scheme, the rest of a header's value is the secret. */
function secretsOf({ headers, env }: Access): string[] {
  const values = [...headers.filter((_, at) => at % 2 === 1), ...Object.values(env)];
  return values.map((value) => value.replace(/^[A-Za-z]+ +/, '')).filter(({ length }) => length >= secretFromLength);
}
