'use client';
// Whether the trail is as it was written.
import { RotateCw, ShieldCheck } from 'lucide-react';
import { Button } from '@/app/_ui/button';
import { formatAbsolute, plural } from '@/app/_ui/format';
import { ErrorNotice, Notice } from '@/app/_ui/notice';
import type { AuditVerdict } from '@/lib/telemetry/schema';
import { useVerdict } from './use-audit';

const meanings = {
  altered: 'does not follow from the one before it: it was changed, or entries before it were removed.',
  missing: 'is missing.',
  foreign: 'was not written by the hub.',
} as const;

export function Verdict() {
  const { data, error, isFetching, refetch } = useVerdict();
  const again = (
    <Button variant="ghost" size="sm" busy={isFetching} onClick={() => void refetch()}>
      <RotateCw aria-hidden />
      Verify again
    </Button>
  );
  if (error) return <ErrorNotice error={error} actions={again} />;
  if (!data) return <p className="mb-3 text-table text-muted-foreground">Verifying the chain of entries …</p>;
  if (!data.ok) {
    return (
      <Notice
        className="mb-3"
        tone="bad"
        title="The audit trail was changed from outside"
        cause={`Entry ${data.broken.id} ${meanings[data.broken.reason]}`}
        hint={`${plural(data.rows, 'entry', 'entries')} before it are as they were written. Compare with an export or a backup.`}
        actions={again}
      />
    );
  }
  return (
    <div className="mb-3 flex flex-wrap items-center gap-x-2 text-table">
      <ShieldCheck aria-hidden className="size-4 shrink-0 text-ok" />
      <span role="status" title={data.head ? `Newest hash: ${data.head}` : undefined}>
        Verified: {plural(data.rows, 'entry', 'entries')}, unbroken
      </span>
      <span className="text-muted-foreground">{sinceOf(data)}</span>
      {again}
    </div>
  );
}

function sinceOf({ from, unchained }: AuditVerdict): string {
  const since = from ? `since ${formatAbsolute(Date.parse(from))}` : '';
  const older = unchained > 0 ? `${plural(unchained, 'older entry', 'older entries')} without a hash` : '';
  return [since, older].filter(Boolean).join(', ');
}
