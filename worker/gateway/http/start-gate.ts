// Requests that come before the stored catalogue is read. Answered from an empty one they would hear that their endpoint
// does not exist and that there are no tools, and a client would give its session up; so they wait a moment.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HubError } from '../../../lib/errors';
import { ignoreErrors } from './exchange';

/** A start that takes longer waits for something that may not come, such as a database: clients are told to come back. */
export const startPatienceMs = 5_000;

type Handle = (request: IncomingMessage, response: ServerResponse) => void;

export interface StartGate {
  handle: Handle;
  /** Everything is known: who waits is let in, in order. */
  open(): void;
  /** Refuses who waits. */
  close(): void;
}

/**
 * @param inside answers a request once everything is known
 * @param refuse answers a request with an error
 */
export function createStartGate(
  inside: Handle,
  refuse: (request: IncomingMessage, response: ServerResponse, error: HubError) => void,
): StartGate {
  let waiting: { request: IncomingMessage; response: ServerResponse; timer: NodeJS.Timeout }[] = [];
  let isOpen = false;

  function takeAll() {
    const all = waiting;
    waiting = [];
    for (const { timer } of all) clearTimeout(timer);
    return all;
  }

  return {
    handle(request, response) {
      if (isOpen) return inside(request, response);
      response.on('error', ignoreErrors);
      const timer = setTimeout(() => {
        waiting = waiting.filter((each) => each.request !== request);
        refuse(request, response, starting());
      }, startPatienceMs);
      waiting.push({ request, response, timer });
    },
    open() {
      isOpen = true;
      for (const { request, response } of takeAll()) if (!response.destroyed) inside(request, response);
    },
    close() {
      for (const { request, response } of takeAll()) refuse(request, response, starting());
    },
  };
}

const starting = () =>
  new HubError('UNAVAILABLE', 'The hub is starting: try again in a moment.', { retryable: true, retryAfterMs: 1000 });
