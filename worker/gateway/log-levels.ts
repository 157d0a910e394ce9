// The severities of log messages (RFC 5424) in the words of MCP (server/utilities/logging), and which of them each
// server is set to: the most verbose that any session or request wants of it, for as long as it wants it.

/** Least severe first. */
export const logLevels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'] as const;

/** Place of a level in the list; -1 for what is none. */
export function severityOf(level: unknown): number {
  return logLevels.indexOf(level as (typeof logLevels)[number]);
}

/** What a server is set to when nobody wants anything any more. */
const restSeverity = severityOf('info');

interface Wanted {
  bySubject: Map<object, number>;
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
    if (wanted.bySubject.size === 0 && servers.get(serverId) === wanted) servers.delete(serverId);
  }

  return {
    want(serverId: string, subject: object, severity: number): void {
      const wanted = servers.get(serverId) ?? { bySubject: new Map(), told: null, isTelling: false };
      servers.set(serverId, wanted);
      wanted.bySubject.set(subject, severity);
      void settle(serverId, wanted);
    },

    /** The session is over. */
    release(subject: object): void {
      for (const [serverId, wanted] of servers) {
        if (wanted.bySubject.delete(subject)) void settle(serverId, wanted);
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

function mostVerbose({ bySubject }: Wanted): number {
  if (bySubject.size === 0) return restSeverity;
  let least = logLevels.length - 1;
  for (const severity of bySubject.values()) if (severity < least) least = severity;
  return least;
}
