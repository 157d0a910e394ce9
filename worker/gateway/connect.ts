// What a caller is answered that has to connect an account of its own to a server first: a page to go to, in the way that
// its client can show one (2025-11-25, client/elicitation: URLElicitationRequiredError; where a client has no sessions,
// the same becomes "input_required" on its way out), or else a tool result or an error that says so. Sessions hear when
// their user has been there; clients without sessions try again by themselves (2026-07-28, client/elicitation).
import { randomUUID } from 'node:crypto';
import type { HubError } from '../../lib/errors';
import type { Reply } from './http/exchange';
import type { Origin } from './relay';
import { whyNotAsk } from './sessions/questions';
import type { Session } from './sessions/sessions';
import type { Streams } from './sessions/streams';
import { urlElicitationRequired } from './stateless/results';

/** Pages that sessions wait for; those of the page that was named first are forgotten first. */
const waitingMax = 10_000;

export interface ConnectingDeps {
  streams: Pick<Streams, 'send'>;
  /** Whether the user's own connection to a server works now. */
  isConnected(serverId: string, userId: string): Promise<boolean>;
}

export function createConnecting({ streams, isConnected }: ConnectingDeps) {
  /** By server and user: the sessions whose client was sent to that page, with the id of the elicitation. */
  const waiting = new Map<string, Map<Session, string>>();
  let count = 0;

  /** The same as long as it is open: a client that tries again and again is sent to one page, not to many. */
  function elicitationOf(session: Session, serverId: string): string {
    const page = pageOf(serverId, session.user);
    const sessions = waiting.get(page) ?? new Map<Session, string>();
    waiting.set(page, sessions);
    const known = sessions.get(session);
    if (known !== undefined) return known;
    const id = randomUUID();
    sessions.set(session, id);
    count++;
    for (const oldest of waiting.keys()) {
      if (count <= waitingMax || oldest === page) break;
      take(oldest);
    }
    return id;
  }

  function take(page: string): Map<Session, string> {
    const sessions = waiting.get(page) ?? new Map<Session, string>();
    waiting.delete(page);
    count -= sessions.size;
    return sessions;
  }

  return {
    /**
     * Null where the error is another, nothing that the caller can do helps, or the error itself says it best.
     * @param isTool whether a result may say it: those of tools are read by models
     */
    reply({ code, message, extras }: HubError, { client, session, target }: Origin, isTool: boolean): Reply {
      const url = extras.data?.url;
      if (code !== 'UPSTREAM_NEEDS_AUTH' || typeof url !== 'string') return null;
      if (client && whyNotAsk(client.capabilities, 'elicitation/create', { mode: 'url' }) === null) {
        const elicitationId = session && target ? elicitationOf(session, target.server.id) : randomUUID();
        const elicitation = { mode: 'url', elicitationId, url, message };
        const error = { code: urlElicitationRequired, message, data: { elicitations: [elicitation] } };
        return { kind: 'error', body: JSON.stringify(error) };
      }
      if (!isTool) return null;
      const result = { content: [{ type: 'text', text: message }], isError: true };
      return { kind: 'result', body: JSON.stringify(result) };
    },

    /**
     * What a user signs in to a server with was stored or taken away. Where it works now, the sessions that were sent to
     * the page are told so, once. @throws what isConnected throws
     */
    async changed(serverId: string, userId: string): Promise<void> {
      const page = pageOf(serverId, userId);
      if (!waiting.has(page) || !(await isConnected(serverId, userId))) return;
      for (const [session, elicitationId] of take(page)) {
        if (!session.ended) streams.send(session, 'notifications/elicitation/complete', { elicitationId });
      }
    },

    release(session: Session): void {
      for (const [page, sessions] of waiting) {
        if (!sessions.delete(session)) continue;
        count--;
        if (sessions.size === 0) waiting.delete(page);
      }
    },
  };
}

export type Connecting = ReturnType<typeof createConnecting>;

function pageOf(serverId: string, userId: string): string {
  return `${serverId} ${userId}`;
}
