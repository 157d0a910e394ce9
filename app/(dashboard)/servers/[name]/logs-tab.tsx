'use client';
// The live tail of a server's log. It follows until the reader scrolls up, and says how much came in meanwhile.
import { ArrowDownToLine, Download, Pause, Play } from 'lucide-react';
import { parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs';
import { useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import { Button } from '@/app/_ui/button';
import { cn } from '@/app/_ui/cn';
import { plural } from '@/app/_ui/format';
import { Input } from '@/app/_ui/input';
import { useServerLogs } from '@/app/_ui/live';
import { ErrorNotice } from '@/app/_ui/notice';
import { Select } from '@/app/_ui/select';
import type { LogLine } from '@/lib/servers/schema';
import { plainText } from './plain-text';

const streams = ['all', 'stderr', 'hub'] as const;

export function LogsTab({ server }: { server: { id: string; name: string } }) {
  const { lines, loaded, error } = useServerLogs(server);
  const [{ q, stream }, setView] = useQueryStates({
    q: parseAsString.withDefault(''),
    stream: parseAsStringLiteral(streams).withDefault('all'),
  });
  const wanted = useDeferredValue(q.toLowerCase());
  const shown = useMemo(
    () =>
      lines.filter(
        (line) =>
          (stream === 'all' || line.stream === stream) && (wanted === '' || line.text.toLowerCase().includes(wanted)),
      ),
    [lines, stream, wanted],
  );
  const tail = useFollow(shown);

  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-2">
        <Input
          type="search"
          aria-label="Filter lines"
          placeholder="Filter lines"
          className="max-w-60"
          value={q}
          onChange={(event) => void setView({ q: event.target.value || null })}
        />
        <Select
          aria-label="Stream"
          value={stream}
          onChange={(event) => void setView({ stream: event.target.value as (typeof streams)[number] })}
          options={[
            { value: 'all', label: 'All lines' },
            { value: 'stderr', label: 'stderr of the server' },
            { value: 'hub', label: 'Notes of the hub' },
          ]}
        />
        <div className="ml-auto flex items-center gap-2">
          <Button onClick={() => (tail.following ? tail.pause() : tail.follow())} aria-pressed={tail.following}>
            {tail.following ? <Pause aria-hidden /> : <Play aria-hidden />}
            {tail.following ? 'Pause' : 'Follow'}
          </Button>
          <Button
            size="icon"
            aria-label="Download the lines"
            title="Download the lines"
            disabled={shown.length === 0}
            onClick={() => download(`${server.name}.log`, shown)}
          >
            <Download aria-hidden />
          </Button>
        </div>
      </div>
      {error !== null && <ErrorNotice error={error} />}
      <div className="relative">
        <div
          ref={tail.frame}
          onScroll={tail.onScroll}
          role="log"
          aria-label={`Log of ${server.name}`}
          aria-live="off"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls must be reachable by keyboard (WCAG 2.1.1)
          tabIndex={0}
          className="h-[min(32rem,60dvh)] overflow-auto rounded-panel border border-border bg-sunken py-2 font-mono text-[0.75rem] leading-[1.125rem]"
        >
          {tail.visible.map((line) => (
            <Line key={line.seq} line={line} />
          ))}
          {loaded && shown.length === 0 && (
            <p className="px-3 text-muted-foreground">
              {lines.length === 0 ? 'The server has written nothing yet.' : 'No line matches.'}
            </p>
          )}
        </div>
        {!tail.following && tail.missed > 0 && (
          <Button
            variant="primary"
            size="sm"
            className="absolute bottom-3 left-1/2 -translate-x-1/2 shadow-layer"
            onClick={tail.follow}
          >
            <ArrowDownToLine aria-hidden />
            {plural(tail.missed, 'new line')}
          </Button>
        )}
      </div>
    </div>
  );
}

function Line({ line }: { line: LogLine }) {
  return (
    <p className="flex gap-3 px-3 [contain-intrinsic-size:auto_1.125rem] [content-visibility:auto]">
      <time dateTime={line.at} title={line.at} className="figures shrink-0 text-muted-foreground">
        {clock(line.at)}
      </time>
      <span className={cn('min-w-0 break-words whitespace-pre-wrap', line.stream === 'hub' && 'text-busy')}>
        {plainText(line.text)}
      </span>
    </p>
  );
}

/** Follows the end of the list until the reader leaves it. While paused the list stands still. */
function useFollow(lines: readonly LogLine[]) {
  const frame = useRef<HTMLDivElement>(null);
  const [heldSeq, setHeldSeq] = useState<number | null>(null);
  const following = heldSeq === null;
  const newest = lines.at(-1)?.seq ?? 0;
  const visible = following ? lines : lines.filter((line) => line.seq <= heldSeq);

  // biome-ignore lint/correctness/useExhaustiveDependencies: new lines are what moves the end
  useEffect(() => {
    const element = frame.current;
    if (element && following) element.scrollTop = element.scrollHeight;
  }, [following, newest]);

  return {
    frame,
    following,
    visible,
    missed: lines.length - visible.length,
    follow: () => setHeldSeq(null),
    pause: () => setHeldSeq(newest),
    onScroll() {
      const element = frame.current;
      if (!element || !following) return;
      const fromEnd = element.scrollHeight - element.scrollTop - element.clientHeight;
      if (fromEnd > 48) setHeldSeq(newest);
    },
  };
}

function clock(at: string): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? at : date.toLocaleTimeString('en-GB', { hour12: false });
}

function download(name: string, lines: readonly LogLine[]): void {
  const text = lines.map((line) => `${line.at} ${line.stream} ${plainText(line.text)}\n`).join('');
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
