'use client';
// One entry of the audit trail beside the list.
import { ChevronDown, ChevronUp } from 'lucide-react';
import { Button } from '@/app/_ui/button';
import { CopyButton } from '@/app/_ui/copy-button';
import { FieldChangesList } from '@/app/_ui/field-changes-list';
import { formatAbsolute } from '@/app/_ui/format';
import { KeyValues } from '@/app/_ui/key-values';
import { Sheet, SheetContent } from '@/app/_ui/sheet';
import type { AuditView } from '@/lib/telemetry/schema';
import { actionWords } from './words';

export interface AuditPanelProps {
  entry: AuditView | undefined;
  onClose: () => void;
  /** Ids of the neighbours in the list. */
  newer: string | undefined;
  older: string | undefined;
  onMove: (id: string) => void;
}

export function AuditPanel({ entry, onClose, newer, older, onMove }: AuditPanelProps) {
  return (
    <Sheet open={entry !== undefined} onOpenChange={(wanted) => !wanted && onClose()}>
      {entry && (
        <SheetContent
          title={actionWords(entry.action)}
          actions={
            <>
              <Button
                variant="ghost"
                size="icon-sm"
                aria-label="Newer entry"
                title="Newer entry"
                disabled={!newer}
                onClick={() => newer && onMove(newer)}
              >
                <ChevronUp aria-hidden />
              </Button>
              <Button
                variant="ghost"
                size="icon-sm"
                aria-label="Older entry"
                title="Older entry"
                disabled={!older}
                onClick={() => older && onMove(older)}
              >
                <ChevronDown aria-hidden />
              </Button>
            </>
          }
        >
          <Details entry={entry} />
        </SheetContent>
      )}
    </Sheet>
  );
}

function Details({ entry }: { entry: AuditView }) {
  return (
    <div className="flex flex-col gap-4 p-4">
      <KeyValues
        rows={[
          [
            'When',
            <time key="when" dateTime={entry.at}>
              {formatAbsolute(Date.parse(entry.at))}
            </time>,
          ],
          ['Who', `${entry.actor} (${entry.actorKind})`],
          ['Address', entry.address],
          ['Action', <Code key="action" text={entry.action} />],
          ['What', entry.resourceName && `${entry.resourceType} ${entry.resourceName}`],
          ['Id', entry.resourceId && <Code key="id" text={entry.resourceId} />],
          ['Request id', entry.requestId && <Code key="request" text={entry.requestId} copy="Copy the request id" />],
        ]}
      />
      <section className="flex flex-col gap-2">
        <h3 className="text-table font-medium">Changes</h3>
        <FieldChangesList before={entry.before} after={entry.after} />
        <p className="text-caption font-normal text-muted-foreground">Secrets are masked before they are recorded.</p>
      </section>
      <KeyValues
        rows={[
          ['Entry', entry.id],
          ['Hash', entry.hash && <Code key="hash" text={entry.hash} copy="Copy the hash" />],
        ]}
      />
    </div>
  );
}

function Code({ text, copy }: { text: string; copy?: string }) {
  return (
    <span className="flex items-center gap-1">
      <code className="font-mono text-[0.75rem] break-all">{text}</code>
      {copy && <CopyButton text={text} label={copy} />}
    </span>
  );
}
