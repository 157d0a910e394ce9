'use client';
import { CopyButton } from '@/app/_ui/copy-button';
import { formatAbsolute } from '@/app/_ui/format';
import { hubAddress } from '@/app/_ui/hub-path';
import { Notice } from '@/app/_ui/notice';
import type { OneTimeLink as Link } from '@/lib/access/schema';

/** A link that works once: it is nowhere else, and this is said before it is gone. */
export function OneTimeLink({ link }: { link: Link }) {
  const url = hubAddress() + link.path;
  return (
    <div className="flex flex-col gap-3">
      <div className="flex items-center gap-2 rounded-panel border border-border bg-sunken py-1 pr-1 pl-3">
        <code data-link className="min-w-0 flex-1 font-mono text-[0.75rem] break-all">
          {url}
        </code>
        <CopyButton text={url} label="Copy the link" withLabel variant="secondary" />
      </div>
      <Notice
        tone="warn"
        title="Copy the link now: it is shown this once."
        hint={`Whoever has it can use it, once, until ${formatAbsolute(Date.parse(link.expiresAt))}.`}
      />
    </div>
  );
}
