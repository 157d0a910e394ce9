// Whether all is well, in one sentence.
import { plural } from '@/app/_ui/format';
import { stateLooks } from '@/app/_ui/state-badge';
import type { ServerState } from '@/lib/servers/schema';

/** States in the order in which they are told: what needs somebody first. */
const told: readonly ServerState[] = [
  'crashed',
  'needs-auth',
  'retrying',
  'degraded',
  'starting',
  'stopping',
  'asleep',
  'stopped',
  'disabled',
];

/** "11 of 12 servers ready, 1 needs sign-in." */
export function healthSentence(states: readonly (ServerState | null | undefined)[]): string {
  if (states.length === 0) return 'No servers yet.';
  const count = (state: ServerState) => states.filter((each) => each === state).length;
  const ready = count('ready');
  const unknown = states.filter((state) => !state).length;
  if (unknown === states.length) return `The state of ${plural(states.length, 'server')} is not known right now.`;
  if (ready === states.length) return ready === 1 ? 'The server is ready.' : `All ${ready} servers are ready.`;
  const rest = told
    .map((state) => [count(state), stateLooks[state].word.toLowerCase()] as const)
    .filter(([number]) => number > 0)
    .map(([number, word]) => `${number} ${word}`);
  if (unknown > 0) rest.push(`${unknown} unknown`);
  return `${ready} of ${plural(states.length, 'server')} ready, ${rest.join(', ')}.`;
}
