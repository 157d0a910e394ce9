// Server actions: every one asks who is there, checks where it came from, parses its input and maps its errors.
import { headers } from 'next/headers';
import { unstable_rethrow } from 'next/navigation';
import type { z } from 'zod';
import { anonymousActor, type Ctx } from '@/lib/access';
import { type ActionFailure, HubError, toActionState } from '@/lib/errors';
import { parseShape } from '@/lib/input';
import { contextFor, currentBrowser } from './actor';
import { shownFault } from './faults';
import { settings } from './hub';
import { renewSession } from './session';
import { isFromOwnPage, visitOf } from './visitor';

export type ActionResult<T> = { ok: true; data: T } | ActionFailure;

/** Called with the values, or by `useActionState` with its former state before them. */
export type Action<I, T> = (
  ...args: [input: I | FormData] | [state: unknown, input: I | FormData]
) => Promise<ActionResult<T>>;

/**
 * Makes a server action. `run` gets the context and the parsed input, as every verb does, so a verb can stand there
 * itself. What it throws comes back as `{ok: false, …}`; redirects pass.
 * @param options.anonymous also for visitors who are not signed in (sign-in, setup)
 */
export function defineAction<S extends z.ZodType, T>(
  schema: S,
  run: (ctx: Ctx, input: z.output<S>) => Promise<T>,
  { anonymous = false }: { anonymous?: boolean } = {},
): Action<z.input<S>, T> {
  return async (...args) => {
    const requestHeaders = await headers();
    const visit = visitOf(requestHeaders);
    const { requestId } = visit;
    try {
      if (!isFromOwnPage(requestHeaders, settings())) {
        throw new HubError('FORBIDDEN', 'This request did not come from a page of the hub.');
      }
      const browser = await currentBrowser();
      if (!browser && !anonymous) {
        throw new HubError('UNAUTHENTICATED', 'Your session has ended: sign in again.');
      }
      const ctx = await contextFor(browser?.actor ?? anonymousActor, visit, browser?.session.id);
      // Before the run: a change of password or a sign-out sets the cookie again, and the last one counts.
      if (browser) await renewSession(browser.session);
      return { ok: true, data: await run(ctx, parseShape(schema, plain(args.at(-1)))) };
    } catch (error) {
      unstable_rethrow(error);
      return toActionState(shownFault(error, requestId, 'action'), requestId);
    }
  };
}

/** The fields of a form without Next's own; a name that occurs twice keeps its last value. */
function plain(input: unknown): unknown {
  if (!(input instanceof FormData)) return input;
  return Object.fromEntries([...input.entries()].filter(([name]) => !name.startsWith('$ACTION_')));
}
