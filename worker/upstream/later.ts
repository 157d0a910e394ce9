// A call over an upstream that is still being opened: it waits, and may be cancelled meanwhile.
import { HubError } from '../../lib/errors';
import type { Call, CallOptions, Upstream, UpstreamAnswer } from './types';

/**
 * @param opening rejects with the reason that the caller gets
 * @param options.timeoutMs also bounds the wait: UPSTREAM_TIMEOUT
 */
export function callLater(
  opening: Promise<Upstream>,
  server: string,
  method: string,
  params: Record<string, unknown> | undefined,
  options: CallOptions,
): Call {
  let begun: Call | null = null;
  let giveUp: (error: HubError) => void = () => {};
  const answer = new Promise<UpstreamAnswer>((resolve, reject) => {
    let isOver = false;
    const timer = setTimeout(() => {
      const text = `The server "${server}" did not start within ${options.timeoutMs} ms.`;
      giveUp(new HubError('UPSTREAM_TIMEOUT', text, { server, reason: 'timeout', retryable: true }));
    }, options.timeoutMs);
    giveUp = (error) => {
      if (isOver || begun) return;
      isOver = true;
      clearTimeout(timer);
      reject(error);
    };
    opening.then(
      (upstream) => {
        if (isOver) return;
        clearTimeout(timer);
        begun = upstream.call(method, params, options);
        begun.answer.then(resolve, reject);
      },
      (error: HubError) => giveUp(error),
    );
  });
  return {
    answer,
    cancel(reason) {
      if (begun) begun.cancel(reason);
      else giveUp(new HubError('CANCELLED', undefined, { server, reason: 'cancelled' }));
    },
  };
}

/** A call that cannot be made. */
export function refused(error: HubError): Call {
  const answer = Promise.reject(error);
  answer.catch(() => {});
  return { answer, cancel: () => undefined };
}
