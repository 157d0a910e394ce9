'use client';
import { useEffect, useState } from 'react';
import type { LogLine } from '@/lib/servers/schema';
import { api, type Page } from '../api';
import { useLiveConnection, usePollingInterval } from './live-provider';
import { gapBefore, mergeLines } from './log-lines';

export interface ServerLogs {
  lines: readonly LogLine[];
  /** False until the first answer. */
  loaded: boolean;
  error: unknown;
}

/** The most that the API gives at once. */
const pageLines = 1000;

/** The tail of a server's log, followed while the component is mounted. A gap is filled by the REST API. */
export function useServerLogs(server: { id: string; name: string }): ServerLogs {
  const { id, name } = server;
  const connection = useLiveConnection();
  const pollMs = usePollingInterval();
  const [logs, setLogs] = useState<ServerLogs>({ lines: [], loaded: false, error: null });

  useEffect(() => {
    const abort = new AbortController();
    let known: LogLine[] = [];

    function show(lines: LogLine[]): void {
      known = lines;
      setLogs({ lines, loaded: true, error: null });
    }

    /** Everything after a line, page by page. @param anew forgets what is known: another worker life counts from 1 */
    async function load(after: number, anew = false): Promise<void> {
      try {
        let answer: Page<LogLine>;
        let from = after;
        let forget = anew;
        do {
          const query = new URLSearchParams({ after: String(from), limit: String(pageLines) });
          answer = await api(`/servers/${encodeURIComponent(name)}/logs?${query}`, { signal: abort.signal });
          show(mergeLines(forget ? [] : known, answer.data));
          forget = false;
          from = answer.data.at(-1)?.seq ?? from;
        } while (answer.data.length === pageLines);
      } catch (error) {
        if (!abort.signal.aborted) setLogs((shown) => ({ ...shown, loaded: true, error }));
      }
    }

    const newest = () => known.at(-1)?.seq ?? 0;
    setLogs({ lines: [], loaded: false, error: null });
    void load(0, true);
    const ends = [
      connection?.followLog(id),
      connection?.on('server.log', (frame) => {
        if (frame.id !== id) return;
        const missingAfter = gapBefore(known, frame.lines);
        show(mergeLines(known, frame.lines));
        if (missingAfter !== null) void load(missingAfter);
      }),
      connection?.onStale((_rooms, newLife) => void (newLife ? load(0, true) : load(newest()))),
    ];
    const timer = pollMs === false ? undefined : setInterval(() => void load(newest()), pollMs);
    return () => {
      abort.abort();
      clearInterval(timer);
      for (const end of ends) end?.();
    };
  }, [connection, id, name, pollMs]);

  return logs;
}
