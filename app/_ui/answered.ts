// What a form waits for. A server action whose request never arrives rejects, and a form that only awaits it would stay
// busy for ever.
import { unstable_rethrow } from 'next/navigation';
import type { ActionFailure } from '@/lib/errors';

/** The answer of a server action; a refusal that says so when none came. Redirects pass. */
export async function answered<T>(action: Promise<T>): Promise<T | ActionFailure> {
  try {
    return await action;
  } catch (error) {
    unstable_rethrow(error);
    return {
      ok: false,
      code: 'UNAVAILABLE',
      message: 'The hub does not answer.',
      hint: 'Check that it is still running and try again: what you entered is still here.',
      fields: {},
      requestId: '',
    };
  }
}
