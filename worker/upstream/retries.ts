// What the hub asks for itself, handshakes and lists, is asked again after a fault that may pass: the server is busy, away
// for a moment, or wants to be asked later. Calls of clients are never sent again here.
import { asHubError, HubError } from '../../lib/errors';
import type { CloseReason, OpenEvents, Upstream } from './types';

export const retries = 3;
const firstMs = 500;

/** Busy (429), a fault of the server (5xx), or no connection; not a certificate or a rule that will not change. */
export function mayPass(error: unknown): boolean {
  const { code, extras } = asHubError(error);
  if (!extras.retryable || code === 'UPSTREAM_TIMEOUT') return false;
  return extras.reason === 'connect-failed' || /^http-/.test(extras.reason ?? '');
}

/**
 * Full jitter: anything up to 0.5, 1, 2 s, after what the server wished for. @param attempt 1 for the first
 * @returns null where that is after the deadline
 */
export function delayBefore(attempt: number, error: unknown, random: number, leftMs: number): number | null {
  const ms = (asHubError(error).extras.retryAfterMs ?? 0) + random * firstMs * 2 ** (attempt - 1);
  return ms < leftMs ? ms : null;
}

/**
 * Opens a remote server, if need be several times within `timeoutMs`. The caller hears of the last end only.
 * @throws HubError what the last attempt threw, CANCELLED
 */
export async function openPatiently(
  open: (events: OpenEvents, timeoutMs: number) => Promise<Upstream>,
  events: OpenEvents,
  { timeoutMs, random, signal }: { timeoutMs: number; random: () => number; signal: AbortSignal },
): Promise<Upstream> {
  const until = performance.now() + timeoutMs;
  for (let attempt = 1; ; attempt += 1) {
    let end: CloseReason | null = null;
    let isOpen = false;
    const own: OpenEvents = {
      ...events,
      closed(reason) {
        if (isOpen) events.closed(reason);
        else end = reason;
      },
    };
    try {
      const upstream = await open(own, until - performance.now());
      isOpen = true;
      if (end) events.closed(end);
      return upstream;
    } catch (error) {
      const { cause } = error as Error;
      const left = until - performance.now();
      const delay = attempt <= retries && mayPass(cause) ? delayBefore(attempt, cause, random(), left) : null;
      if (delay === null || signal.aborted) {
        if (end) events.closed(end);
        throw error;
      }
      const { message, extras } = asHubError(error);
      if (attempt === 1) events.doubtful(message, extras.reason ?? 'connect-failed');
      await pause(delay, signal);
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(new HubError('CANCELLED', undefined, { reason: 'stopped' }));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
