'use client';
// Every fault shows cause, time, attempt, countdown and one fitting action, above all tabs of its server.
import Link from 'next/link';
import { Button, buttonClass } from '@/app/_ui/button';
import { hubPath } from '@/app/_ui/hub-path';
import { Notice } from '@/app/_ui/notice';
import { Countdown, RelativeTime } from '@/app/_ui/relative-time';
import { stateLooks } from '@/app/_ui/state-badge';
import type { ServerState, ServerStatus } from '@/lib/servers/schema';
import { needsAttention, type ShownServer } from '../shown-server';

export interface FaultNoticeProps {
  server: ShownServer;
  state: ServerState | null;
  onRetry?: () => void;
  /** Tests the server stage by stage; absent without the right. */
  onExamine?: (() => void) | undefined;
}

export function FaultNotice({ server, state, onRetry, onExamine }: FaultNoticeProps) {
  const { status } = server;
  if (state === null) {
    return (
      <Notice
        className="mb-2"
        tone="warn"
        title="The hub's worker does not tell the state of this server right now."
        hint="It is asked again by itself."
      />
    );
  }
  if (!status || !needsAttention(state)) return null;
  const exit = status.lastExit;
  return (
    <section aria-label="What is wrong" className="mb-2">
      <Notice
        tone={stateLooks[state].tone}
        title={status.message ?? exit?.message ?? `The server is ${stateLooks[state].word.toLowerCase()}.`}
        cause={causeOf(status)}
        actions={
          <>
            {onExamine && (
              <Button size="sm" onClick={onExamine}>
                Run the doctor
              </Button>
            )}
            <Fix server={server} state={state} onRetry={onRetry} />
          </>
        }
        hint={
          <span className="flex flex-wrap gap-x-4 text-muted-foreground">
            <RelativeTime at={status.since} />
            {status.attempt > 0 && <span className="figures">attempt {status.attempt}</span>}
            {status.nextRetryAt && <Countdown to={status.nextRetryAt} prefix="next try " />}
          </span>
        }
      />
    </section>
  );
}

/** The bare facts: the reason's word, exit code, signal. */
function causeOf({ reason, lastExit }: ServerStatus): string {
  return [
    reason,
    lastExit?.exitCode != null && `exit code ${lastExit.exitCode}`,
    lastExit?.signal && `signal ${lastExit.signal}`,
  ]
    .filter(Boolean)
    .join(', ');
}

function Fix({ server, state, onRetry }: FaultNoticeProps) {
  if (state === 'needs-auth' && server.credential !== null) {
    return (
      <a href={hubPath(`/connections/${encodeURIComponent(server.name)}`)} className={buttonClass('secondary', 'sm')}>
        Sign in
      </a>
    );
  }
  if (state === 'needs-auth' && server.source === 'api') {
    return (
      <Link href="?tab=config" className={buttonClass('secondary', 'sm')}>
        Set the credential
      </Link>
    );
  }
  if (server.needsReentry.length > 0) {
    return (
      <Link href="?tab=config" className={buttonClass('secondary', 'sm')}>
        Enter the values again
      </Link>
    );
  }
  if (state === 'degraded') {
    return (
      <Link href="?tab=logs" className={buttonClass('secondary', 'sm')}>
        Show the log
      </Link>
    );
  }
  return (
    onRetry && (
      <Button size="sm" onClick={onRetry}>
        Retry now
      </Button>
    )
  );
}
