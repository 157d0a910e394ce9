'use client';
import { CopyButton } from '@/app/_ui/copy-button';
import { Notice } from '@/app/_ui/notice';

/** A fresh secret: it is nowhere else, and this is said before it is gone. */
export function SecretOnce({ secret }: { secret: string }) {
  return (
    <div className="flex flex-col gap-3">
      <div className="flex items-center gap-2 rounded-panel border border-border bg-sunken py-1 pr-1 pl-3">
        <code data-secret className="min-w-0 flex-1 font-mono text-[0.75rem] break-all">
          {secret}
        </code>
        <CopyButton text={secret} label="Copy the key" withLabel variant="secondary" />
      </div>
      <Notice tone="warn" title="Copy the key now: it is shown this once and cannot be read again." />
    </div>
  );
}
