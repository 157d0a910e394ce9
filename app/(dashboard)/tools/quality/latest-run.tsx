// The figures of the latest run, beside those of the run before over the requests that both have.
import type { ReactNode } from 'react';
import { Figure } from '@/app/_ui/figure';
import { plural } from '@/app/_ui/format';
import { RelativeTime } from '@/app/_ui/relative-time';
import type { Figures, RunEntry, SearchRunView } from '@/lib/quality/schema';

export function LatestRun({ run }: { run: SearchRunView }) {
  const { figures, against, common, engine } = run;
  const count = (change: RunEntry['change']) => run.entries.filter((entry) => entry.change === change).length;
  return (
    <section aria-label="Latest measurement" className="mb-4">
      <dl className="grid grid-cols-2 gap-px overflow-hidden rounded-panel border border-border bg-border lg:grid-cols-4">
        <Tile label="hit@1" figures={figures} common={common} of="hit1" />
        <Tile label="hit@5" figures={figures} common={common} of="hit5" />
        <Tile label="hit@10" figures={figures} common={common} of="hit10" />
        <Tile label="MRR" figures={figures} common={common} of="mrr" />
      </dl>
      <p className="mt-2 text-caption font-normal text-muted-foreground">
        Measured <RelativeTime at={run.at} /> by {run.actor}: {engine.mode}, {plural(engine.tools, 'tool')},{' '}
        {figures.counted.toLocaleString('en')} of {plural(figures.cases, 'request')} counted
        {figures.flagged > 0 && `, ${figures.flagged} with tools that are not there`}.
        {against &&
          common &&
          ` Against the run before, over ${plural(common.cases, 'request')} of both: ${count('better')} better, ${count('worse')} worse${against.fingerprint === run.fingerprint ? ', with the same engine and tools' : ', with another engine or other tools'}.`}
      </p>
    </section>
  );
}

interface TileProps {
  label: string;
  figures: Figures;
  common: SearchRunView['common'];
  of: 'hit1' | 'hit5' | 'hit10' | 'mrr';
}

function Tile({ label, figures, common, of }: TileProps) {
  const shown = (value: number): ReactNode => (of === 'mrr' ? value.toFixed(2) : <Figure value={value} as="share" />);
  return (
    <div className="min-w-0 bg-card px-4 py-3">
      <dt className="text-caption text-muted-foreground">{label}</dt>
      <dd className="mt-1 flex flex-wrap gap-x-3 max-lg:flex-col lg:items-end lg:justify-between">
        <span className="text-figure">{shown(figures[of])}</span>
        {common && (
          <span className="text-caption font-normal text-muted-foreground">
            <span className="sr-only">over requests of both runs, before and now: </span>
            {shown(common.before[of])} → {shown(common.now[of])}
          </span>
        )}
      </dd>
    </div>
  );
}
