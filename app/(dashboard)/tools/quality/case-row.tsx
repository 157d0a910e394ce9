'use client';
// One request of the test set, and at which place its right tool was found.
import { useQueryClient } from '@tanstack/react-query';
import { Pencil, Trash2 } from 'lucide-react';
import { api } from '@/app/_ui/api';
import { Badge } from '@/app/_ui/badge';
import { buttonClass } from '@/app/_ui/button';
import { ConfirmDialog } from '@/app/_ui/confirm-dialog';
import { TableRow, Td } from '@/app/_ui/table';
import { toast } from '@/app/_ui/toaster';
import type { RunEntry, SearchCaseView } from '@/lib/quality/schema';

export interface CaseRowProps {
  entry: SearchCaseView;
  result: RunEntry | undefined;
  /** Null for those who may only look. */
  onEdit: (() => void) | null;
}

export function CaseRow({ entry, result, onEdit }: CaseRowProps) {
  const { query, expected, missing, group, note } = entry;
  return (
    <TableRow>
      <Td className="w-1/2 max-w-0">
        <p className="truncate" title={query}>
          {query}
        </p>
        <p className="truncate font-mono text-[0.75rem] text-muted-foreground md:hidden">{expected.join(', ')}</p>
        {(group || note) && (
          <p className="truncate text-caption font-normal text-muted-foreground">
            {[group && `in ${group}`, note].filter(Boolean).join(', ')}
          </p>
        )}
        {/* On a phone there is no room beside the place. */}
        <Change result={result} className="mt-1 md:hidden" />
      </Td>
      <Td className="w-1/2 max-w-0 max-md:hidden">
        <p className="truncate font-mono text-[0.75rem]" title={expected.join(', ')}>
          {expected.join(', ')}
        </p>
        {missing.length > 0 && (
          <p className="truncate text-caption text-warn">
            {missing.length === expected.length ? 'none of them is there' : `not there: ${missing.join(', ')}`}
          </p>
        )}
      </Td>
      <Td className="whitespace-nowrap">
        <Place result={result} />
      </Td>
      {onEdit && (
        <Td>
          <Actions entry={entry} onEdit={onEdit} />
        </Td>
      )}
    </TableRow>
  );
}

function Actions({ entry: { id, query, version }, onEdit }: { entry: SearchCaseView; onEdit: () => void }) {
  const client = useQueryClient();
  const short = query.length <= 80 ? query : `${query.slice(0, 79)}…`;
  return (
    <div className="flex justify-end gap-1">
      <button
        type="button"
        className={buttonClass('ghost', 'icon-sm')}
        aria-label={`Change “${short}”`}
        title="Change"
        onClick={onEdit}
      >
        <Pencil aria-hidden />
      </button>
      <ConfirmDialog
        trigger={
          <button
            type="button"
            className={buttonClass('ghost', 'icon-sm')}
            aria-label={`Remove “${short}”`}
            title="Remove"
          >
            <Trash2 aria-hidden />
          </button>
        }
        title={`Remove “${short}”?`}
        confirm="Remove"
        onConfirm={async () => {
          await api(`/tools/cases/${id}`, { method: 'DELETE', ifMatch: version });
          await client.invalidateQueries({ queryKey: ['quality', 'cases'] });
          toast('Request removed');
        }}
      >
        It is measured no more. What earlier runs gave for it stays.
      </ConfirmDialog>
    </div>
  );
}

const changeTones = { better: 'ok', worse: 'bad' } as const;

function Place({ result }: { result: RunEntry | undefined }) {
  if (!result) return <span className="text-muted-foreground">not measured</span>;
  if (result.void) return <Badge tone="warn">no tool there</Badge>;
  return (
    <span className="flex items-center gap-2">
      <span className="figures">{result.rank ?? 'not found'}</span>
      <Change result={result} className="max-md:hidden" />
    </span>
  );
}

function Change({ result, className }: { result: RunEntry | undefined; className: string }) {
  if (result?.change !== 'better' && result?.change !== 'worse') return null;
  return (
    <Badge tone={changeTones[result.change]} className={className}>
      {result.change}, was {result.before ?? 'not found'}
    </Badge>
  );
}
