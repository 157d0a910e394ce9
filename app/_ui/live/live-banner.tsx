'use client';
import { Unplug } from 'lucide-react';
import { useLive } from './live-provider';

/** Says above the page that what is shown may be up to ten seconds old. Silent while all is well. */
export function LiveBanner() {
  const { status } = useLive();
  return (
    <div role="status">
      {status === 'paused' && (
        <p className="flex items-center justify-center gap-2 bg-warn-soft px-4 py-1.5 text-table text-warn">
          <Unplug aria-hidden className="size-4 shrink-0" />
          Live updates paused, retrying
        </p>
      )}
    </div>
  );
}
