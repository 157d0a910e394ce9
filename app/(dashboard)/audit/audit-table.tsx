'use client';
import { Badge } from '@/app/_ui/badge';
import { cn } from '@/app/_ui/cn';
import { RelativeTime } from '@/app/_ui/relative-time';
import { Table, TableBody, TableHead, TableRow, Td, Th } from '@/app/_ui/table';
import type { AuditView } from '@/lib/telemetry/schema';
import { actionWords, isRefusal } from './words';

export interface AuditTableProps {
  entries: readonly AuditView[];
  /** Id of the entry whose details are open. */
  open: string | null;
  onOpen: (id: string) => void;
}

export function AuditTable({ entries, open, onOpen }: AuditTableProps) {
  return (
    <Table>
      <TableHead>
        <Th>Action</Th>
        <Th className="max-sm:hidden">What</Th>
        <Th className="max-md:hidden">Who</Th>
        <Th className="max-lg:hidden">Address</Th>
        <Th className="text-right">When</Th>
      </TableHead>
      <TableBody>
        {entries.map((entry) => (
          <TableRow
            key={entry.id}
            data-entry={entry.id}
            className={cn('cursor-pointer', entry.id === open && 'bg-accent')}
            onClick={() => onOpen(entry.id)}
          >
            <Td className="w-1/3 max-w-0 max-sm:w-full">
              {/* The button is the row's keyboard way in; its press reaches the row. */}
              <button
                type="button"
                className="flex min-h-6 max-w-full items-center gap-2 text-left font-medium"
                title={entry.action}
              >
                {isRefusal(entry.action) ? (
                  <Badge tone="warn">{actionWords(entry.action)}</Badge>
                ) : (
                  <span className="truncate">{actionWords(entry.action)}</span>
                )}
              </button>
              <span className="block truncate text-caption font-normal text-muted-foreground md:hidden">
                <span className="sm:hidden">{entry.resourceName && `${entry.resourceName} · `}</span>
                {entry.actor}
              </span>
            </Td>
            <Td className="max-w-56 truncate max-sm:hidden">{entry.resourceName ?? '–'}</Td>
            <Td className="max-w-40 truncate max-md:hidden">{entry.actor}</Td>
            <Td className="figures max-w-40 truncate max-lg:hidden">{entry.address ?? '–'}</Td>
            <Td className="figures text-right text-muted-foreground">
              <RelativeTime at={entry.at} />
            </Td>
          </TableRow>
        ))}
      </TableBody>
    </Table>
  );
}
