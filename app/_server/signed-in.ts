// Long work at the wish of somebody ends when their session or key does. The worker by itself ends the calls of users who
// are disabled or lose the right to a call.
import type { Ctx } from '@/lib/access';
import { HubError } from '@/lib/errors';

/**
 * Runs `work` with a signal that also aborts when the credential of `ctx` ends.
 * @throws what `work` throws; HubError UNAUTHENTICATED when the credential ended meanwhile
 */
export async function whileSignedIn<T>(
  { actor, bus, sessionId }: Ctx,
  given: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ended = new AbortController();
  const stops = [
    bus.on('browser.ended', ({ userId, ids }) => {
      if (sessionId && userId === actor.userId && (ids?.includes(sessionId) ?? true)) ended.abort();
    }),
    bus.on('key.revoked', ({ id }) => {
      if (actor.kind === 'key' && id === actor.id) ended.abort();
    }),
  ];
  try {
    return await work(AbortSignal.any([given, ended.signal]));
  } catch (error) {
    if (!ended.signal.aborted) throw error;
    throw new HubError('UNAUTHENTICATED', 'The session or key ended while the request ran.', { cause: error });
  } finally {
    for (const stop of stops) stop();
  }
}
