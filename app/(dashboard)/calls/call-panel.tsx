'use client';
// The details of one call beside the list.
import { ChevronDown, ChevronUp, FlaskConical } from 'lucide-react';
import Link from 'next/link';
import { Button, buttonClass } from '@/app/_ui/button';
import { CodeBlock } from '@/app/_ui/code-block';
import { CopyButton } from '@/app/_ui/copy-button';
import { Figure } from '@/app/_ui/figure';
import { formatAbsolute } from '@/app/_ui/format';
import { KeyValues } from '@/app/_ui/key-values';
import { Notice } from '@/app/_ui/notice';
import { Sheet, SheetContent } from '@/app/_ui/sheet';
import type { CallView } from '@/lib/telemetry/schema';
import { OutcomeBadge, outcomeWord } from './outcome-badge';

export interface CallPanelProps {
  call: CallView | undefined;
  open: boolean;
  onClose: () => void;
  previous: string | undefined;
  next: string | undefined;
  onMove: (id: string) => void;
}

export function CallPanel({ call, open, onClose, previous, next, onMove }: CallPanelProps) {
  return (
    <Sheet open={open} onOpenChange={(wanted) => !wanted && onClose()}>
      {call && (
        <SheetContent
          title={call.tool ?? 'unknown tool'}
          actions={
            <>
              <MoveButton label="Newer call" to={previous} onMove={onMove}>
                <ChevronUp aria-hidden />
              </MoveButton>
              <MoveButton label="Older call" to={next} onMove={onMove}>
                <ChevronDown aria-hidden />
              </MoveButton>
            </>
          }
        >
          <Details call={call} />
        </SheetContent>
      )}
    </Sheet>
  );
}

interface MoveButtonProps {
  label: string;
  to: string | undefined;
  onMove: (id: string) => void;
  children: React.ReactNode;
}

function MoveButton({ label, to, onMove, children }: MoveButtonProps) {
  return (
    <Button
      variant="ghost"
      size="icon-sm"
      aria-label={label}
      title={label}
      disabled={!to}
      onClick={() => to && onMove(to)}
    >
      {children}
    </Button>
  );
}

function Details({ call }: { call: CallView }) {
  const failed = call.outcome !== 'ok' && call.outcome !== 'cancelled';
  return (
    <div className="flex flex-col gap-4 p-4">
      {failed && (
        <Notice
          tone="bad"
          title={outcomeWord(call.outcome)}
          cause={
            [call.errorMessage, call.errorCode !== null && `(code ${call.errorCode})`].filter(Boolean).join(' ') ||
            undefined
          }
        />
      )}
      <KeyValues
        rows={[
          ['Outcome', <OutcomeBadge key="outcome" outcome={call.outcome} />],
          [
            'Server',
            call.server && (
              <Link className="hover:underline" href={`/servers/${encodeURIComponent(call.server)}`}>
                {call.server}
              </Link>
            ),
          ],
          ['Shown as', call.shownTool && <code className="font-mono text-[0.75rem] break-all">{call.shownTool}</code>],
          ['Time', <Figure key="time" value={call.durationMs} as="duration" />],
          [
            'When',
            <time key="when" dateTime={call.at}>
              {formatAbsolute(Date.parse(call.at))}
            </time>,
          ],
          ['Who', call.actor],
          ['Client', call.client],
          [
            'Endpoint',
            <code key="endpoint" className="font-mono text-[0.75rem]">
              {call.endpoint}
            </code>,
          ],
          ['Sent', <Figure key="sent" value={call.requestBytes} as="bytes" />],
          ['Received', <Figure key="received" value={call.responseBytes} as="bytes" />],
          [
            'Request id',
            <span key="request" className="flex items-center gap-1">
              <code className="font-mono text-[0.75rem] break-all">{call.requestId}</code>
              <CopyButton text={call.requestId} label="Copy the request id" />
            </span>,
          ],
        ]}
      />
      <section className="flex flex-col gap-2">
        <h3 className="text-table font-medium">Arguments</h3>
        {call.arguments === null ? (
          <p className="text-table text-muted-foreground">None were recorded.</p>
        ) : (
          <CodeBlock code={JSON.stringify(call.arguments, null, 2)} copyLabel="Copy the arguments" wrap />
        )}
        <p className="text-caption font-normal text-muted-foreground">
          Secrets are removed, long values are cut. Results are not kept.
        </p>
      </section>
      {call.server && call.tool && (
        <Link
          href={`/playground?${new URLSearchParams({ server: call.server, tool: call.tool })}`}
          className={buttonClass('secondary', 'md', 'self-start')}
        >
          <FlaskConical aria-hidden />
          Open in the playground
        </Link>
      )}
    </div>
  );
}
