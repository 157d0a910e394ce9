'use client';
// Whether updates arrive by themselves, as a dot with its word for those who do not see or hover.
import { cn } from '../cn';
import { useLive } from '../live';
import { Tooltip } from '../tooltip';

const looks = {
  connecting: { word: 'Connecting for live updates', dot: 'bg-busy' },
  live: { word: 'Live: changes show by themselves', dot: 'bg-ok' },
  paused: { word: 'Live updates paused, retrying', dot: 'bg-warn' },
} as const;

export function LiveDot() {
  const { word, dot } = looks[useLive().status];
  return (
    <Tooltip content={word} side="bottom">
      <button
        type="button"
        aria-label={word}
        className="inline-flex size-8 items-center justify-center rounded-control"
      >
        <span aria-hidden className={cn('size-2 rounded-full forced-colors:border', dot)} />
      </button>
    </Tooltip>
  );
}
