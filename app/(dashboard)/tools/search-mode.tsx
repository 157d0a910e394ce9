'use client';
// How tools are searched where a service of embeddings is set up: what is still to be embedded, and what is wrong.
import { Notice } from '@/app/_ui/notice';
import { useSearchStatus } from './use-tools';

export function SearchMode() {
  const { data } = useSearchStatus();
  if (!data?.model) return null;
  const { warning, tools, embedded, model } = data;
  if (warning) {
    return <Notice tone="warn" className="mb-3" title="Tools are found by their words alone for now" hint={warning} />;
  }
  if (embedded >= tools) return null;
  return (
    <div className="mb-3 flex flex-wrap items-center gap-x-3 gap-y-1 text-table text-muted-foreground">
      <progress
        value={embedded}
        max={tools}
        aria-label="Tools that can be found by meaning"
        className="h-1.5 w-40 appearance-none overflow-hidden rounded-full bg-muted [&::-moz-progress-bar]:bg-primary [&::-webkit-progress-bar]:bg-muted [&::-webkit-progress-value]:bg-primary"
      />
      <span>
        {embedded} of {tools} tools embedded by <span className="font-mono text-[0.75rem] break-all">{model}</span>; the
        others are found by their words.
      </span>
    </div>
  );
}
