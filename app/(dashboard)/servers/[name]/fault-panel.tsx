'use client';
// Every fault shows cause, time, attempt, countdown, the last lines of stderr, and one fitting action.
import Link from 'next/link';
import { Button, buttonClass } from '@/app/_ui/button';
import { CodeBlock } from '@/app/_ui/code-block';
import { Notice } from '@/app/_ui/notice';
import { Countdown, RelativeTime } from '@/app/_ui/relative-time';
import { stateLooks } from '@/app/_ui/state-badge';
import type { ServerState, ServerStatus } from '@/lib/servers/schema';
import { needsAttention, type ShownServer } from '../shown-server';

export interface FaultPanelProps {
  server: ShownServer;
  state: ServerState | null;
  onRetry?: () => void;
}

export function FaultPanel({ server, state, onRetry }: FaultPanelProps) {
  const { status } = server;
  if (state === null) {
    return (
      <Notice
        tone="warn"
        title="The hub's worker does not tell the state of this server right now."
        hint="It is asked again by itself."
      />
    );
  }
  if (!status || !needsAttention(state)) return null;
  const exit = status.lastExit;
  return (
    <section aria-label="What is wrong" className="flex flex-col gap-2">
      <Notice
        tone={stateLooks[state].tone}
        title={status.message ?? exit?.message ?? `The server is ${stateLooks[state].word.toLowerCase()}.`}
        cause={causeOf(status)}
        actions={<Fix server={server} state={state} onRetry={onRetry} />}
        hint={
          <span className="flex flex-wrap gap-x-4 text-muted-foreground">
            <RelativeTime at={status.since} />
            {status.attempt > 0 && <span className="figures">attempt {status.attempt}</span>}
            {status.nextRetryAt && <Countdown to={status.nextRetryAt} prefix="next try " />}
          </span>
        }
      />
      {exit?.stderr && exit.stderr.length > 0 && (
        <CodeBlock caption="Last lines of stderr" code={exit.stderr.slice(-20).join('\n')} wrap />
      )}
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

function Fix({ server, state, onRetry }: FaultPanelProps) {
  if (state === 'needs-auth' && server.source === 'api') {
    return (
      <Link href="?tab=config" className={buttonClass('secondary', 'sm')}>
        Set the credential
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
