// The figures of the last day.
import type { ReactNode } from 'react';
import { Figure } from '@/app/_ui/figure';
import { Sparkline } from '@/app/_ui/sparkline';
import type { Overview } from '@/lib/telemetry/schema';

export interface TilesProps {
  overview: Overview;
  /** Sessions of MCP clients that were used in the last 30 minutes or hold a stream open; null while the worker does not answer. */
  sessions: number | null;
}

export function Tiles({ overview, sessions }: TilesProps) {
  const { buckets } = overview;
  // Before the first call of the day there is nothing to draw: the hub may not even have run.
  const first = buckets.findIndex(({ calls }) => calls > 0);
  return (
    <dl className="grid grid-cols-2 gap-px overflow-hidden rounded-panel border border-border bg-border lg:grid-cols-4">
      <Tile
        label="Calls, 24 h"
        figure={<Figure value={overview.calls} as="count" />}
        line={
          <Sparkline label="Calls per hour" values={buckets.map(({ calls }, hour) => (hour < first ? null : calls))} />
        }
      />
      <Tile
        label="Failed, 24 h"
        figure={<Figure value={overview.errorPercent === null ? null : overview.errorPercent / 100} as="share" />}
        line={
          <Sparkline
            label="Failed calls per hour"
            values={buckets.map(({ errors }, hour) => (hour < first ? null : errors))}
          />
        }
      />
      <Tile label="p95 of a call, 24 h" figure={<Figure value={overview.p95Ms} as="duration" />} />
      <Tile label="Client sessions, 30 min" figure={<Figure value={sessions} as="count" />} />
    </dl>
  );
}

/** The hairlines between tiles are the list's ground, seen through gaps of one pixel. */
function Tile({ label, figure, line }: { label: string; figure: ReactNode; line?: ReactNode }) {
  return (
    <div className="flex min-w-0 flex-col bg-card px-4 py-3">
      <dt className="text-caption text-muted-foreground">{label}</dt>
      <dd className="mt-1 flex flex-wrap items-end justify-between gap-x-3 gap-y-1">
        <span className="text-figure">{figure}</span>
        {line && <span className="max-sm:hidden">{line}</span>}
      </dd>
    </div>
  );
}
