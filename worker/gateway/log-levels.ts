// The severities of log messages (RFC 5424) in the words of MCP (server/utilities/logging), and which of them each
// server is set to: the most verbose that any session wants of it, for as long as it wants it.
import type { Session } from './sessions';

/** Least severe first. */
export const logLevels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'] as const;

/** Place of a level in the list; -1 for what is none. */
export function severityOf(level: unknown): number {
  return logLevels.indexOf(level as (typeof logLevels)[number]);
}

/** What a server is set to when nobody wants anything any more. */
const restSeverity = severityOf('info');

interface Wanted {
  bySession: Map<Session, number>;
  /** What the server was last told; null before the first time, and after it was opened anew. */
  told: number | null;
  isTelling: boolean;
}

/** @param tell sets the level of a server; never rejects */
export function createServerLevels(tell: (serverId: string, level: string) => Promise<void>) {
  const servers = new Map<string, Wanted>();

  /** One message at a time: two on the way at once could arrive in the wrong order. */
  async function settle(serverId: string, wanted: Wanted): Promise<void> {
    if (wanted.isTelling) return;
    wanted.isTelling = true;
    for (;;) {
      const due = mostVerbose(wanted);
      if (due === wanted.told || servers.get(serverId) !== wanted) break;
      wanted.told = due;
      await tell(serverId, logLevels[due] as string);
    }
    wanted.isTelling = false;
    if (wanted.bySession.size === 0 && servers.get(serverId) === wanted) servers.delete(serverId);
  }

  return {
    want(serverId: string, session: Session, severity: number): void {
      const wanted = servers.get(serverId) ?? { bySession: new Map(), told: null, isTelling: false };
      servers.set(serverId, wanted);
      wanted.bySession.set(session, severity);
      void settle(serverId, wanted);
    },

    /** The session is over. */
    release(session: Session): void {
      for (const [serverId, wanted] of servers) {
        if (wanted.bySession.delete(session)) void settle(serverId, wanted);
      }
    },

    /** The server runs anew and knows no level. */
    opened(serverId: string): void {
      const wanted = servers.get(serverId);
      if (!wanted) return;
      wanted.told = null;
      void settle(serverId, wanted);
    },

    removed: (serverId: string) => void servers.delete(serverId),
  };
}

function mostVerbose({ bySession }: Wanted): number {
  if (bySession.size === 0) return restSeverity;
  let least = logLevels.length - 1;
  for (const severity of bySession.values()) if (severity < least) least = severity;
  return least;
}
