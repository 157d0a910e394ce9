// A server as the pages show it: its row and what the worker knows of it right now.
import type { ServerState, ServerStatus, ServerView } from '@/lib/servers/schema';

export interface ShownServer extends ServerView {
  /** null while the worker does not answer. */
  status: ServerStatus | null;
}

/** What this visitor may do with servers; the verbs check it again. */
export interface ServerRights {
  create: boolean;
  update: boolean;
  operate: boolean;
  delete: boolean;
  call: boolean;
}

export type Operation = 'start' | 'stop' | 'restart';

/** The operations that make sense in a state, the most fitting first. */
export function operationsOf(server: ShownServer): Operation[] {
  if (!server.enabled) return [];
  const state = server.status?.state;
  if (state === 'stopped' || (state === undefined && server.desired === 'stopped')) return ['start'];
  if (state === 'stopping') return ['start'];
  return ['restart', 'stop'];
}

/** The state to show until the worker tells. */
export const optimisticStates: Record<Operation, ServerState> = {
  start: 'starting',
  stop: 'stopping',
  restart: 'starting',
};

/** States in which something is wrong and somebody should look. */
export function needsAttention(state: ServerState | undefined): boolean {
  return state === 'crashed' || state === 'retrying' || state === 'needs-auth' || state === 'degraded';
}

/** How the server is reached, in one line. */
export function targetOf(server: Pick<ServerView, 'type' | 'command' | 'args' | 'url'>): string {
  if (server.type !== 'stdio') return server.url ?? '';
  return [server.command ?? '', ...server.args].map(quoted).join(' ');
}

function quoted(word: string): string {
  return word === '' || /[\s"'$\\]/.test(word) ? JSON.stringify(word) : word;
}
