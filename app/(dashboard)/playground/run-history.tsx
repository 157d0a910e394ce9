'use client';
import { RotateCcw } from 'lucide-react';
import { Button } from '@/app/_ui/button';
import { cn } from '@/app/_ui/cn';
import { Figure } from '@/app/_ui/figure';
import { Panel, PanelHeader } from '@/app/_ui/panel';
import { VerdictBadge } from './result-panel';
import type { Run } from './runs';

export interface RunHistoryProps {
  runs: readonly Run[];
  shown: number | null;
  onShow: (id: number) => void;
  onReplay: (run: Run) => void;
}

/** The runs of this tab; a press shows a result again, the arrow puts its arguments back into the form. */
export function RunHistory({ runs, shown, onShow, onReplay }: RunHistoryProps) {
  if (runs.length === 0) return null;
  return (
    <Panel>
      <PanelHeader title="This session" />
      <ul className="hairlines max-h-80 overflow-y-auto">
        {runs.map((run) => (
          <li key={run.id} className={cn('flex items-center gap-2 pr-2', run.id === shown && 'bg-accent')}>
            <button
              type="button"
              aria-current={run.id === shown || undefined}
              className="flex min-h-10 min-w-0 flex-1 items-center gap-3 px-4 text-left text-table hover:bg-accent/60 focus-visible:-outline-offset-2"
              onClick={() => onShow(run.id)}
            >
              <span className="min-w-0 flex-1 truncate">
                <span className="text-muted-foreground">{run.server} / </span>
                <span className="font-medium">{run.tool}</span>
              </span>
              <Figure value={run.answer?.durationMs} as="duration" />
              <VerdictBadge run={run} />
            </button>
            <Button
              variant="ghost"
              size="icon-sm"
              aria-label={`Use the arguments of this run of ${run.tool} again`}
              title="Use these arguments again"
              onClick={() => onReplay(run)}
            >
              <RotateCcw aria-hidden />
            </Button>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
