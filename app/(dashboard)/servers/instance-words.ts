// What people read for whose instances a server has, and when it runs.
import type { Isolation, ServerView } from '@/lib/servers/schema';

export const isolationWords: Record<Isolation, string> = {
  shared: 'All callers',
  user: 'The sessions of one user',
  session: 'Nobody: one per session',
};

/** When the server runs, in a sentence; null for one that always does. */
export function demandText({ startOnDemand, idleStopSeconds }: ServerView): string | null {
  if (!startOnDemand) return null;
  return `Starts when a call needs it, and sleeps after ${spanText(idleStopSeconds)} without use.`;
}

/** Whose instances there are, in a sentence; null for those of all callers. */
export function isolationText({ isolation, idleStopSeconds, warmInstances }: ServerView): string | null {
  if (isolation === 'shared') return null;
  const idle = `ended after ${spanText(idleStopSeconds)} without use`;
  const warm = warmInstances > 0 ? `, ${warmInstances} ready in advance` : '';
  return `One for each ${isolation}, ${idle}${warm}.`;
}

/** The default is named in the form: to know it here, pages would load all the shapes of a server. */
function spanText(seconds: number | null): string {
  if (seconds === null) return 'a while';
  return seconds >= 120 && seconds % 60 === 0 ? `${seconds / 60} minutes` : `${seconds} s`;
}
