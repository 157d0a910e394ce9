// What is wrong, why, and the one thing that helps.
import Link from 'next/link';
import { Badge } from '@/app/_ui/badge';
import { Button, buttonClass } from '@/app/_ui/button';
import { plural } from '@/app/_ui/format';
import { Panel, PanelHeader } from '@/app/_ui/panel';
import { Countdown, RelativeTime } from '@/app/_ui/relative-time';
import { StateBadge } from '@/app/_ui/state-badge';
import type { ServerDrift, ServerState } from '@/lib/servers/schema';
import type { ShownServer } from '../servers/shown-server';

export interface Fault {
  server: ShownServer;
  state: ServerState;
}

export interface AttentionProps {
  faults: readonly Fault[];
  /** Servers with tools that wait for an approval. */
  drift: readonly ServerDrift[];
  /** Faults of the servers file. */
  configFaults: readonly string[];
  configFile: string | null;
  mayOperate: boolean;
  onRetry: (server: ShownServer) => void;
}

export function Attention({ faults, drift, configFaults, configFile, mayOperate, onRetry }: AttentionProps) {
  if (faults.length + drift.length + configFaults.length === 0) return null;
  return (
    <Panel aria-label="Needs attention" className="mb-6">
      <PanelHeader title="Needs attention" />
      <ul className="hairlines">
        {configFaults.map((fault) => (
          <li key={fault} className="px-4 py-3 text-table">
            <p className="font-medium">The servers file has a fault; the last good state is kept.</p>
            <p className="mt-0.5 font-mono text-caption font-normal break-words text-muted-foreground">{fault}</p>
            {configFile && <p className="mt-0.5 text-muted-foreground">Mend {configFile}: the hub watches it.</p>}
          </li>
        ))}
        {faults.map(({ server, state }) => (
          <li key={server.id} className="flex flex-wrap items-start gap-x-4 gap-y-2 px-4 py-3 text-table">
            <div className="min-w-0 flex-1 basis-64">
              <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
                <Link
                  href={`/servers/${encodeURIComponent(server.name)}`}
                  className="inline-flex min-h-6 items-center font-medium hover:underline"
                >
                  {server.name}
                </Link>
                <StateBadge state={state} />
                <span className="text-muted-foreground">
                  <RelativeTime at={server.status?.since} empty="" />
                  {server.status?.nextRetryAt && <Countdown to={server.status.nextRetryAt} prefix=", next try " />}
                </span>
              </p>
              {server.status?.message && (
                <p className="mt-1 line-clamp-3 wrap-anywhere" title={server.status.message}>
                  {server.status.message}
                </p>
              )}
              <LastWords server={server} />
            </div>
            <Fix server={server} state={state} mayOperate={mayOperate} onRetry={onRetry} />
          </li>
        ))}
        {drift.map(({ server, count, held }) => (
          <li key={`drift ${server}`} className="flex flex-wrap items-start gap-x-4 gap-y-2 px-4 py-3 text-table">
            <div className="min-w-0 flex-1 basis-64">
              <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
                <Link href={toolsOf(server)} className="inline-flex min-h-6 items-center font-medium hover:underline">
                  {server}
                </Link>
                <Badge tone="warn">{plural(count, 'changed tool')}</Badge>
              </p>
              <p className="mt-1">
                {held
                  ? `Kept from callers until somebody has approved ${count === 1 ? 'it' : 'them'}.`
                  : 'Not as first seen or last approved. Callers use what is there now.'}
              </p>
            </div>
            <Link
              href={toolsOf(server)}
              className={buttonClass('secondary', 'sm')}
              aria-label={`Review tools of ${server}`}
            >
              Review
            </Link>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function toolsOf(server: string): string {
  return `/servers/${encodeURIComponent(server)}?tab=tools`;
}

/** The last line that the server wrote before it ended: most often the exact cause. */
function LastWords({ server }: { server: ShownServer }) {
  const line = server.status?.lastExit?.stderr?.findLast((text) => text.trim() !== '');
  if (!line || server.status?.message?.includes(line.trim())) return null;
  return (
    <p className="mt-0.5 truncate font-mono text-caption font-normal text-muted-foreground" title={line}>
      {line}
    </p>
  );
}

function Fix({ server, state, mayOperate, onRetry }: Fault & Pick<AttentionProps, 'mayOperate' | 'onRetry'>) {
  const href = `/servers/${encodeURIComponent(server.name)}`;
  if (state === 'needs-auth') {
    return (
      <Link href={`${href}?tab=config`} className={buttonClass('secondary', 'sm')}>
        Set the credential
      </Link>
    );
  }
  if (state === 'degraded' || !mayOperate) {
    return (
      <Link href={href} className={buttonClass('secondary', 'sm')}>
        See the cause
      </Link>
    );
  }
  return (
    <Button size="sm" onClick={() => onRetry(server)}>
      Retry now
    </Button>
  );
}
