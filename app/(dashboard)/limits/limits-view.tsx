'use client';
// Limits of calls: of what, how many, and how much of a day's is used.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Gauge, Plus } from 'lucide-react';
import { useState } from 'react';
import { answered } from '@/app/_ui/answered';
import { api, type Page } from '@/app/_ui/api';
import { Button } from '@/app/_ui/button';
import { ConfirmDialog } from '@/app/_ui/confirm-dialog';
import { EmptyState } from '@/app/_ui/empty-state';
import { usePollingInterval } from '@/app/_ui/live';
import { ErrorNotice } from '@/app/_ui/notice';
import { PageHeader } from '@/app/_ui/page-header';
import { Table, TableBody, TableHead, TableRow, Td, Th } from '@/app/_ui/table';
import { toast } from '@/app/_ui/toaster';
import type { LimitView } from '@/lib/limits/schema';
import { removeLimitAction } from './actions';
import { type Known, LimitDialog } from './limit-dialog';

const queryKey = ['limits'];
const number = new Intl.NumberFormat('en');

/** @param known what can be limited; null for those who may only look */
export function LimitsView({ initial, known }: { initial: LimitView[]; known: Known | null }) {
  const client = useQueryClient();
  const [edited, setEdited] = useState<LimitView | 'new' | null>(null);
  const { data: limits, error } = useQuery({
    queryKey,
    queryFn: async ({ signal }) => (await api<Page<LimitView>>('/limits?limit=200', { signal })).data,
    initialData: initial,
    refetchInterval: usePollingInterval(),
  });
  const refresh = () => void client.invalidateQueries({ queryKey });
  const newButton = known && (
    <Button variant="primary" onClick={() => setEdited('new')}>
      <Plus aria-hidden />
      New limit
    </Button>
  );

  return (
    <>
      <PageHeader
        title="Limits"
        description="How often tools may be called. A call must fit into the limits of its key, its user, its server and its tool."
        actions={limits.length > 0 && newButton}
      />
      {error && <ErrorNotice error={error} />}
      {limits.length === 0 ? (
        <EmptyState Icon={Gauge} title="No limits" actions={newButton}>
          Every key may call as often as it likes. A limit for each key is a good beginning.
        </EmptyState>
      ) : (
        <Table>
          <TableHead actions={known !== null}>
            <Th>Of</Th>
            <Th className="text-right max-sm:hidden">A minute</Th>
            <Th className="text-right max-sm:hidden">At once</Th>
            <Th className="text-right max-sm:hidden">A day</Th>
            <Th className="text-right max-sm:hidden">Today</Th>
          </TableHead>
          <TableBody>
            {limits.map((limit) => (
              <TableRow key={`${limit.subject} ${limit.target}`} data-limit={`${limit.subject} ${limit.target}`}>
                <Td className="w-1/2 max-w-0 max-sm:w-full">
                  <p className="truncate" title={nameOf(limit)}>
                    {nameOf(limit)}
                  </p>
                  <p className="text-caption font-normal text-muted-foreground sm:hidden">{amountsOf(limit)}</p>
                </Td>
                <Amount value={limit.perMinute} />
                <Amount value={limit.concurrent} />
                <Amount value={limit.perDay} />
                <Td className="text-right tabular-nums max-sm:hidden">
                  {limit.today !== null && number.format(limit.today)}
                </Td>
                {known && (
                  <Td>
                    <div className="flex flex-wrap justify-end gap-1.5">
                      {limit.label !== null && (
                        <Button
                          size="sm"
                          aria-label={`Change limit of ${nameOf(limit)}`}
                          onClick={() => setEdited(limit)}
                        >
                          Change
                        </Button>
                      )}
                      <Removal limit={limit} onRemoved={refresh} />
                    </div>
                  </Td>
                )}
              </TableRow>
            ))}
          </TableBody>
        </Table>
      )}
      {known && edited && (
        <LimitDialog
          known={known}
          edited={edited === 'new' ? null : edited}
          onClose={() => setEdited(null)}
          onSaved={refresh}
        />
      )}
    </>
  );
}

function nameOf({ subject, target, label }: LimitView): string {
  if (target === '*') return `each ${subject} without a limit of its own`;
  return `${subject} ${label ?? `${target} (gone)`}`;
}

/** All numbers in one line, for a phone. */
function amountsOf({ perMinute, concurrent, perDay, today }: LimitView): string {
  return [
    perMinute !== null && `${number.format(perMinute)} a minute`,
    concurrent !== null && `${number.format(concurrent)} at once`,
    perDay !== null && `${number.format(perDay)} a day`,
    today !== null && `${number.format(today)} today`,
  ]
    .filter(Boolean)
    .join(', ');
}

function Amount({ value }: { value: number | null }) {
  return (
    <Td className="text-right tabular-nums max-sm:hidden">
      {value === null ? <span className="text-muted-foreground">–</span> : number.format(value)}
    </Td>
  );
}

function Removal({ limit, onRemoved }: { limit: LimitView; onRemoved: () => void }) {
  const name = nameOf(limit);
  return (
    <ConfirmDialog
      trigger={
        <Button size="sm" aria-label={`Remove limit of ${name}`}>
          Remove
        </Button>
      }
      title={`Remove limit of ${name}?`}
      confirm="Remove"
      onConfirm={async () => {
        const { subject, target, version } = limit;
        const answer = await answered(removeLimitAction({ subject, target, ifVersion: version }));
        if (!answer.ok) throw new Error(answer.message);
        toast('Limit removed');
        onRemoved();
      }}
    >
      {limit.target === '*'
        ? 'Those that have no limit of their own may then call as often as they like.'
        : `What is set for each ${limit.subject} holds for it from then on.`}
    </ConfirmDialog>
  );
}
