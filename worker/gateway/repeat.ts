// Requests that are sent once more when their server or the way to it broke. What certainly did not run may go to another
// instance at once. What may have run is repeated only where the administrator allows it for the server, and only if
// that is safe: a read, or a tool that its server marks as read-only or idempotent (server/tools: annotations). Never
// once the client has heard something of the request: progress would begin anew, a question would be asked twice.
import { asHubError, HubError } from '../../lib/errors';
import type { Definition } from '../../lib/servers/catalog';
import type { Supervisor } from '../supervisor/types';
import type { Upstream } from '../upstream/types';
import type { ServerNode } from './catalog/endpoints';

/** Time for what broke to come back, where nothing has to be started for it; with as much again at random. */
const pauseMs = 100;
const reads = new Set(['resources/read', 'prompts/get', 'completion/complete']);
/** Of the way, not of the request: a proxy without its server, and a server that is not up (yet). */
const passingStatuses = new Set(['http-502', 'http-503']);
/** Ends after which the same request would probably end the server again. */
const likelyAgain = /-limit$|^hung$|^unhealthy$/;

/** The request as the relay keeps it. */
interface Running {
  /** What ends it now; a wait is put here. */
  under: { cancel(reason: string): void } | null;
  readonly hasProgressed: boolean;
  readonly origin: { readonly client: { readonly hasSpoken?: boolean } | null };
}

export interface FailedRequest {
  server: ServerNode;
  method: string;
  params: Record<string, unknown> | undefined;
  running: Running;
  /** Monotonic milliseconds: later nobody waits for an answer. */
  untilMs: number;
}

interface Hints {
  readOnlyHint?: unknown;
  idempotentHint?: unknown;
}

export interface RepeatDeps {
  supervisor: Pick<Supervisor, 'on' | 'upstreamOf'>;
  /** A tool as its server defined it, by its original name. */
  toolOf(serverId: string, name: string): Definition | undefined;
  random?: () => number;
}

export function createRepeats({ supervisor, toolOf, random = Math.random }: RepeatDeps) {
  function isSafe({ server, method, params }: FailedRequest): boolean {
    if (!server.repeatSafeCalls) return false;
    // An answer of the client is good once, and a task would be begun twice.
    if (params?.requestState !== undefined || params?.inputResponses !== undefined || params?.task !== undefined) {
      return false;
    }
    if (method !== 'tools/call') return reads.has(method);
    const name = String(params?.name);
    const { readOnlyHint, idempotentHint } = (toolOf(server.id, name)?.annotations ?? {}) as Hints;
    // An administrator may know better that it is not safe, and cannot make it so.
    const denied: Hints = server.overlays.get(name)?.annotations ?? {};
    return (
      (readOnlyHint === true && denied.readOnlyHint !== false) ||
      (idempotentHint === true && denied.idempotentHint !== false)
    );
  }

  /** Null: it may still come. @throws the failure where it will not come in time, or not by itself */
  function lookFor({ server, untilMs }: FailedRequest, failure: unknown): Upstream | null {
    try {
      return supervisor.upstreamOf(server.id);
    } catch (error) {
      const { retryable, retryAfterMs = 0 } = asHubError(error).extras;
      if (!retryable || performance.now() + retryAfterMs > untilMs) throw failure;
      return null;
    }
  }

  /**
   * Waits until the request can be sent again; the caller does that once at most.
   * @throws HubError the failure itself where it is the last word, CANCELLED
   */
  async function after(failure: unknown, request: FailedRequest): Promise<Upstream> {
    const error = asHubError(failure);
    const { running, untilMs } = request;
    const didNotRun = error.extras.didNotRun === true;
    const hasSpoken = running.hasProgressed || running.origin.client?.hasSpoken === true;
    if (hasSpoken || (!didNotRun && !mayPass(error))) throw failure;
    const safe = isSafe(request);
    if (!didNotRun && !safe) throw failure;
    const open = lookFor(request, failure);
    if (open && didNotRun) return open;
    if (!safe) throw failure;
    if (open) await pause(running, pauseMs * (1 + random()));
    const upstream = lookFor(request, failure) ?? (await opened(request, failure));
    if (performance.now() >= untilMs) throw failure;
    return upstream;
  }

  /** A server that ended is started again after a while: that is waited for, unless it shall not or cannot come back. */
  function opened(request: FailedRequest, failure: unknown): Promise<Upstream> {
    const { server, running, untilMs } = request;
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        for (const stop of unsubscribe) stop();
      };
      const fail = (error: unknown) => {
        end();
        reject(error);
      };
      const look = (serverId: string) => {
        if (serverId !== server.id) return;
        try {
          const upstream = lookFor(request, failure);
          if (!upstream) return;
          end();
          resolve(upstream);
        } catch (error) {
          fail(error);
        }
      };
      const timer = setTimeout(() => fail(failure), Math.max(0, untilMs - performance.now()));
      const unsubscribe = [
        supervisor.on('opened', look),
        supervisor.on('status', ({ id }) => look(id)),
        supervisor.on('removed', look),
      ];
      running.under = { cancel: () => fail(new HubError('CANCELLED')) };
    });
  }

  return { after };
}

export type Repeats = ReturnType<typeof createRepeats>;

/** Whether a failure says that the connection broke, and nothing of the request. */
function mayPass({ code, extras }: HubError): boolean {
  const reason = extras.reason ?? '';
  if (code === 'INTERRUPTED') return !likelyAgain.test(reason);
  if (code === 'UPSTREAM_BAD_ANSWER') return reason === 'unanswered';
  return code === 'UPSTREAM_UNAVAILABLE' && (reason === 'connect-failed' || passingStatuses.has(reason));
}

function pause(running: Running, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    running.under = {
      cancel() {
        clearTimeout(timer);
        reject(new HubError('CANCELLED'));
      },
    };
  });
}
