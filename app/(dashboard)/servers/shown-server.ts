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
  /** To callers without a key. */
  open: boolean;
}

export type Operation = 'start' | 'stop' | 'restart';

/** The operations that make sense in a state, the most fitting first; a null state is one that nobody knows. */
export function operationsOf(server: ShownServer, state: ServerState | null): Operation[] {
  if (!server.enabled || state === 'disabled') return [];
  if (state === 'stopped' || state === 'stopping') return ['start'];
  if (state === null && server.desired === 'stopped') return ['start'];
  if (state === 'starting') return ['stop', 'restart'];
  return ['restart', 'stop'];
}

/** What the button of an operation says: a restart of what failed is another try, of what sleeps a wake-up. */
export function wordOf(operation: Operation, state: ServerState | null): string {
  if (operation === 'start') return 'Start';
  if (operation === 'stop') return 'Stop';
  if (state === 'asleep') return 'Wake';
  return state === 'crashed' || state === 'retrying' ? 'Retry now' : 'Restart';
}

/** The state to show until the worker tells. */
export const optimisticStates: Record<Operation, ServerState> = {
  start: 'starting',
  stop: 'stopping',
  restart: 'starting',
};

/** States in which something is wrong and somebody should look. */
export function needsAttention(state: ServerState | null): boolean {
  return state === 'crashed' || state === 'retrying' || state === 'needs-auth' || state === 'degraded';
}

export const typeWords: Record<ServerView['type'], string> = {
  stdio: 'Local program (stdio)',
  'streamable-http': 'Remote (streamable HTTP)',
  sse: 'Remote (SSE)',
  openapi: 'OpenAPI',
};

/** How the server is reached, in one line. */
export function targetOf(
  server: Pick<ServerView, 'type' | 'command' | 'args' | 'url'> & { openapi?: ServerView['openapi'] },
): string {
  if (server.type === 'openapi') return server.openapi?.baseUrl ?? server.openapi?.documentUrl ?? '';
  if (server.type !== 'stdio') return server.url ?? '';
  return [server.command ?? '', ...server.args].map(quoted).join(' ');
}

function quoted(word: string): string {
  return word === '' || /[\s"'$\\]/.test(word) ? JSON.stringify(word) : word;
}
