'use client';
import { cn } from '@/app/_ui/cn';
import { Figure } from '@/app/_ui/figure';
import { RelativeTime } from '@/app/_ui/relative-time';
import { Table, TableBody, TableHead, TableRow, Td, Th } from '@/app/_ui/table';
import type { CallView } from '@/lib/telemetry/schema';
import { OutcomeBadge } from './outcome-badge';

export interface CallTableProps {
  calls: readonly CallView[];
  /** Id of the call whose details are open. */
  open: string | null;
  onOpen: (id: string) => void;
}

export function CallTable({ calls, open, onOpen }: CallTableProps) {
  return (
    <Table>
      <TableHead>
        <Th>Tool</Th>
        <Th className="max-md:hidden">Server</Th>
        <Th className="max-lg:hidden">Who</Th>
        <Th className="max-lg:hidden">Client</Th>
        <Th className="max-sm:hidden">Outcome</Th>
        <Th numeric>Time</Th>
        <Th className="text-right">When</Th>
      </TableHead>
      <TableBody>
        {calls.map((call) => (
          <TableRow
            key={call.id}
            data-call={call.requestId}
            className={cn('cursor-pointer', call.id === open && 'bg-accent')}
            onClick={() => onOpen(call.id)}
          >
            <Td className="w-1/3 max-w-0 max-sm:w-full">
              {/* The button is the row's keyboard way in; its press reaches the row. */}
              <button
                type="button"
                className="block min-h-6 max-w-full truncate text-left font-medium"
                title={call.tool ?? undefined}
              >
                {call.tool ?? 'unknown tool'}
                {call.shownTool && <span className="font-normal text-muted-foreground"> as {call.shownTool}</span>}
              </button>
              <span className="flex items-center gap-2 text-caption font-normal text-muted-foreground md:hidden">
                <span className="truncate">{call.server}</span>
                <span className="sm:hidden">
                  <OutcomeBadge outcome={call.outcome} />
                </span>
              </span>
            </Td>
            <Td className="max-w-40 truncate max-md:hidden">{call.server ?? '–'}</Td>
            <Td className="max-w-40 truncate max-lg:hidden">{call.actor}</Td>
            <Td className="max-w-40 truncate max-lg:hidden">{call.client ?? '–'}</Td>
            <Td className="max-sm:hidden">
              <OutcomeBadge outcome={call.outcome} />
            </Td>
            <Td numeric>
              <Figure value={call.durationMs} as="duration" />
            </Td>
            <Td className="figures text-right text-muted-foreground">
              <RelativeTime at={call.at} />
            </Td>
          </TableRow>
        ))}
      </TableBody>
    </Table>
  );
}
