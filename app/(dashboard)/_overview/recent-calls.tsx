// The last calls, newest first.
import Link from 'next/link';
import { buttonClass } from '@/app/_ui/button';
import { EmptyState } from '@/app/_ui/empty-state';
import { Figure } from '@/app/_ui/figure';
import { RelativeTime } from '@/app/_ui/relative-time';
import { Table, TableBody, TableHead, TableRow, Td, Th } from '@/app/_ui/table';
import type { CallView } from '@/lib/telemetry/schema';
import { OutcomeBadge } from '../calls/outcome-badge';

export function RecentCalls({ calls }: { calls: readonly CallView[] }) {
  if (calls.length === 0) {
    return (
      <EmptyState
        title="No calls yet"
        actions={
          <Link href="/connect" className={buttonClass('secondary')}>
            Connect a client
          </Link>
        }
      >
        Every tool call through the hub is listed here, with who made it and how long it took.
      </EmptyState>
    );
  }
  return (
    <Table>
      <TableHead>
        <Th>Tool</Th>
        <Th className="max-md:hidden">Who</Th>
        <Th>Outcome</Th>
        <Th numeric>Time</Th>
        <Th numeric className="max-sm:hidden">
          When
        </Th>
      </TableHead>
      <TableBody>
        {calls.map((call) => (
          <TableRow key={call.id}>
            <Td className="w-1/2 max-w-0">
              <p className="truncate">
                <span className="text-muted-foreground">{call.server ?? '–'} / </span>
                <span className="font-medium">{call.tool ?? 'unknown tool'}</span>
              </p>
            </Td>
            <Td className="max-w-48 truncate max-md:hidden">{call.client ?? call.actor}</Td>
            <Td>
              <OutcomeBadge outcome={call.outcome} />
            </Td>
            <Td numeric>
              <Figure value={call.durationMs} as="duration" />
            </Td>
            <Td numeric className="text-muted-foreground max-sm:hidden">
              <RelativeTime at={call.at} />
            </Td>
          </TableRow>
        ))}
      </TableBody>
    </Table>
  );
}
