// One server in the list; on a phone two lines in one cell.
import Link from 'next/link';
import { Badge } from '@/app/_ui/badge';
import { Figure } from '@/app/_ui/figure';
import { plural } from '@/app/_ui/format';
import { Countdown, RelativeTime } from '@/app/_ui/relative-time';
import { StateBadge } from '@/app/_ui/state-badge';
import { TableRow, Td } from '@/app/_ui/table';
import type { ServerState } from '@/lib/servers/schema';
import { OpenBadge } from '../open-access';
import { ServerActions } from './server-actions';
import { needsAttention, type Operation, type ServerRights, type ShownServer, targetOf } from './shown-server';
import { SourceBadge } from './source-badge';

export interface ServerRowProps {
  server: ShownServer;
  state: ServerState | null;
  /** Tools that wait for an approval. */
  changedTools: number;
  rights: ServerRights;
  onOperate: (operation: Operation) => void;
  onRemoved: () => void;
}

export function ServerRow({ server, state, changedTools, rights, onOperate, onRemoved }: ServerRowProps) {
  const { status } = server;
  const target = targetOf(server);
  const cause = needsAttention(state) ? status?.message : undefined;
  const memory = status?.instances.reduce<number | null>(
    (sum, { rssBytes }) => (rssBytes === null ? sum : (sum ?? 0) + rssBytes),
    null,
  );
  const cpuPercent = status?.instances.reduce((sum, instance) => sum + (instance.cpuPercent ?? 0), 0) ?? 0;
  return (
    <TableRow data-server={server.name}>
      <Td className="max-sm:w-full max-sm:max-w-0">
        <div className="flex min-w-0 items-center gap-2">
          <Link href={`/servers/${encodeURIComponent(server.name)}`} className="truncate font-medium hover:underline">
            {server.name}
          </Link>
          <span className="max-sm:hidden">
            <SourceBadge server={server} />
          </span>
          <OpenBadge anonymous={server.anonymous} />
          {changedTools > 0 && (
            <Link
              href={`/servers/${encodeURIComponent(server.name)}?tab=tools`}
              className="inline-flex min-h-6 shrink-0 items-center hover:underline"
            >
              <Badge tone="warn">{plural(changedTools, 'changed tool')}</Badge>
            </Link>
          )}
        </div>
        <div className="mt-0.5 sm:hidden">
          <StateBadge state={state} plain />
          {cause && (
            <p className="truncate text-caption font-normal text-muted-foreground" title={cause}>
              {cause}
            </p>
          )}
        </div>
      </Td>
      <Td className="max-sm:hidden">
        <span className="flex items-center gap-2">
          <StateBadge state={state} plain />
          {cause && status?.nextRetryAt && (
            <span className="text-caption font-normal text-muted-foreground">
              <Countdown to={status.nextRetryAt} prefix="next try " />
            </span>
          )}
        </span>
        {cause && (
          <p className="max-w-64 truncate text-caption font-normal text-muted-foreground" title={cause}>
            {cause}
          </p>
        )}
      </Td>
      <Td className="w-full max-w-0 max-[90rem]:hidden">
        <p className="truncate font-mono text-[0.75rem] text-muted-foreground" title={target}>
          {target}
        </p>
      </Td>
      <Td numeric className="max-sm:hidden">
        {server.toolCount}
      </Td>
      <Td numeric className="max-lg:hidden">
        <Figure value={memory} as="bytes" />
        {cpuPercent >= 1 && (
          <p className="text-caption font-normal whitespace-nowrap text-muted-foreground">
            CPU <Figure value={cpuPercent / 100} as="share" />
          </p>
        )}
      </Td>
      <Td className="figures max-md:hidden">
        <RelativeTime at={status?.since} empty="–" />
      </Td>
      <Td className="max-lg:hidden">{server.groups.join(', ') || <span className="text-muted-foreground">–</span>}</Td>
      <Td>
        <ServerActions
          size="sm"
          server={server}
          state={state}
          rights={rights}
          onOperate={onOperate}
          onRemoved={onRemoved}
        />
      </Td>
    </TableRow>
  );
}
