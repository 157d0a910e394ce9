'use client';
// What came of the searches of the last 30 days, and what smart endpoints saved.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Search } from 'lucide-react';
import { parseAsStringLiteral, useQueryState } from 'nuqs';
import type { ReactNode } from 'react';
import { api, type Page } from '@/app/_ui/api';
import { Badge } from '@/app/_ui/badge';
import { Button } from '@/app/_ui/button';
import { EmptyState } from '@/app/_ui/empty-state';
import { Figure } from '@/app/_ui/figure';
import { ErrorNotice } from '@/app/_ui/notice';
import { RelativeTime } from '@/app/_ui/relative-time';
import { Select } from '@/app/_ui/select';
import { TablePageSkeleton } from '@/app/_ui/skeleton';
import { Table, TableBody, TableHead, TableRow, Td, Th } from '@/app/_ui/table';
import type { EndpointCost, SearchFigures, SearchView } from '@/lib/quality/schema';
import type { DraftCase } from './case-dialog';
import type { QualityRights } from './quality-view';

export interface InUseProps {
  rights: QualityRights;
  onCase: (draft: DraftCase) => void;
}

const outcomes = ['none', 'missed', 'found'] as const;

export function InUse({ rights, onCase }: InUseProps) {
  const [outcome, setOutcome] = useQueryState('outcome', parseAsStringLiteral(outcomes).withDefault('none'));
  const figures = useQuery({
    queryKey: ['quality', 'figures'],
    queryFn: ({ signal }) => api<SearchFigures>('/tools/searches/figures', { signal }),
    enabled: rights.searches,
  });
  const searches = useQuery({
    queryKey: ['quality', 'searches', outcome],
    queryFn: async ({ signal }) =>
      (await api<Page<SearchView>>(`/tools/searches?${new URLSearchParams({ outcome })}`, { signal })).data,
    enabled: rights.searches,
    placeholderData: keepPreviousData,
  });
  if (!rights.searches) {
    return <EmptyState Icon={Search} title="Shown to those who may see calls" />;
  }
  const error = figures.error ?? searches.error;
  if (error) return <ErrorNotice error={error} />;
  if (!figures.data || !searches.data) return <TablePageSkeleton rows={5} />;
  if (figures.data.searches === 0) {
    return (
      <>
        <EmptyState Icon={Search} title="No searches in the last 30 days">
          Clients search at smart endpoints (/api/mcp/$smart), programs by REST. A search is listed here once one of its
          hits was called, or ten minutes later.
        </EmptyState>
        <Costs costs={figures.data.costs} />
      </>
    );
  }
  return (
    <>
      <Tiles figures={figures.data} />
      <section aria-labelledby="searches" className="mt-6">
        <div className="mb-2 flex flex-wrap items-center justify-between gap-2">
          <h2 id="searches" className="text-section">
            Latest searches
          </h2>
          <Select
            aria-label="What came of them"
            value={outcome}
            onChange={({ target }) => void setOutcome(target.value as (typeof outcomes)[number])}
            options={[
              { value: 'none', label: 'Found nothing' },
              { value: 'missed', label: 'No hit was called' },
              { value: 'found', label: 'A hit was called' },
            ]}
          />
        </div>
        {searches.data.length === 0 ? (
          <EmptyState title="None of this kind" />
        ) : (
          <Searches searches={searches.data} mayAdd={rights.change} onCase={onCase} />
        )}
      </section>
      <Costs costs={figures.data.costs} />
    </>
  );
}

function Tiles({ figures }: { figures: SearchFigures }) {
  const { searches, none, missed, first, firstFive } = figures;
  const share = (count: number) => <Figure value={searches === 0 ? null : count / searches} as="share" />;
  return (
    <dl className="grid grid-cols-2 gap-px overflow-hidden rounded-panel border border-border bg-border lg:grid-cols-5">
      <Tile label="Searches, 30 days" figure={<Figure value={searches} as="count" />} />
      <Tile label="First hit was called" figure={share(first)} />
      <Tile label="One of the first five was" figure={share(firstFive)} />
      <Tile label="No hit was called" figure={share(missed)} />
      <Tile label="Found nothing" figure={share(none)} />
    </dl>
  );
}

function Tile({ label, figure }: { label: string; figure: ReactNode }) {
  return (
    // Of five in two columns the first takes both.
    <div className="min-w-0 bg-card px-4 py-3 max-lg:first:col-span-2">
      <dt className="text-caption text-muted-foreground">{label}</dt>
      <dd className="mt-1 text-figure">{figure}</dd>
    </div>
  );
}

interface SearchesProps {
  searches: readonly SearchView[];
  mayAdd: boolean;
  onCase: (draft: DraftCase) => void;
}

function Searches({ searches, mayAdd, onCase }: SearchesProps) {
  return (
    <Table {...(!mayAdd && { frameLabel: 'Latest searches' })}>
      <TableHead actions={mayAdd}>
        <Th>Request</Th>
        <Th className="max-md:hidden">Called then</Th>
        <Th className="max-lg:hidden">By</Th>
        <Th className="max-sm:hidden">When</Th>
      </TableHead>
      <TableBody>
        {searches.map(({ id, query, called, calledRank, actor, client, at, found }) => (
          <TableRow key={id}>
            <Td className="w-full max-w-0">
              <p className="truncate" title={query}>
                {query}
              </p>
              <p className="truncate text-caption font-normal text-muted-foreground md:hidden">
                {called ?? 'nothing called'}
              </p>
            </Td>
            <Td className="whitespace-nowrap max-md:hidden">
              {called ? (
                <span className="flex items-center gap-2">
                  <span className="font-mono text-[0.75rem]">{called}</span>
                  {calledRank !== null && <Badge>place {calledRank}</Badge>}
                </span>
              ) : (
                <span className="text-muted-foreground">nothing</span>
              )}
            </Td>
            <Td className="whitespace-nowrap max-lg:hidden">{client ? `${actor}, ${client}` : actor}</Td>
            <Td className="figures whitespace-nowrap max-sm:hidden">
              <RelativeTime at={at} />
            </Td>
            {mayAdd && (
              <Td>
                <Button
                  size="sm"
                  className="whitespace-nowrap"
                  aria-label={`Name the right tool for “${query.slice(0, 80)}”`}
                  onClick={() => onCase({ query: query.slice(0, 2_000), expected: called ? [called] : [], found })}
                >
                  Right tool…
                </Button>
              </Td>
            )}
          </TableRow>
        ))}
      </TableBody>
    </Table>
  );
}

function Costs({ costs }: { costs: EndpointCost[] | null }) {
  if (!costs || costs.length === 0) return null;
  return (
    <section aria-labelledby="costs" className="mt-6">
      <h2 id="costs" className="text-section">
        Tokens saved, 30 days
      </h2>
      <p className="mb-2 text-table text-muted-foreground">
        An estimate: the lists that clients fetched, as they would be with all tools, less what the three tools and the
        answers of searches took.
      </p>
      <Table frameLabel="Tokens saved">
        <TableHead>
          <Th>Endpoint</Th>
          <Th numeric className="max-sm:hidden">
            Lists
          </Th>
          <Th numeric className="max-sm:hidden">
            Searches
          </Th>
          <Th numeric className="max-sm:hidden">
            All tools
          </Th>
          <Th numeric className="max-sm:hidden">
            Given
          </Th>
          <Th numeric>Saved</Th>
        </TableHead>
        <TableBody>
          {costs.map(({ endpoint, lists, searches, fullTokens, shownTokens }) => (
            <TableRow key={endpoint}>
              <Td className="w-full max-w-0 truncate font-mono text-[0.75rem]">{endpoint}</Td>
              {[lists, searches, fullTokens, shownTokens].map((value, at) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: columns do not move
                <Td key={at} numeric className="max-sm:hidden">
                  <Figure value={value} as="count" />
                </Td>
              ))}
              <Td numeric>
                <Figure value={fullTokens - shownTokens} as="count" />
              </Td>
            </TableRow>
          ))}
        </TableBody>
      </Table>
    </section>
  );
}
