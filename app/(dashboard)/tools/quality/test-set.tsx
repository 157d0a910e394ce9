'use client';
// The test set, its latest measurement, and what became better or worse against the one before.
import { useQuery } from '@tanstack/react-query';
import { Download, ListChecks, Plus } from 'lucide-react';
import { parseAsStringLiteral, useQueryState } from 'nuqs';
import { useState } from 'react';
import { api, type Page } from '@/app/_ui/api';
import { Button, buttonClass } from '@/app/_ui/button';
import { EmptyState } from '@/app/_ui/empty-state';
import { plural } from '@/app/_ui/format';
import { hubPath } from '@/app/_ui/hub-path';
import { Menu, MenuContent, MenuItem, MenuTrigger } from '@/app/_ui/menu';
import { ErrorNotice } from '@/app/_ui/notice';
import { Select } from '@/app/_ui/select';
import { TablePageSkeleton } from '@/app/_ui/skeleton';
import { Table, TableBody, TableHead, Th } from '@/app/_ui/table';
import type { RunEntry, SearchCaseView, SearchRunSummary, SearchRunView } from '@/lib/quality/schema';
import type { DraftCase } from './case-dialog';
import { CaseRow } from './case-row';
import { ImportDialog } from './import-dialog';
import { LatestRun } from './latest-run';
import { useRun } from './use-run';

export interface TestSetProps {
  mayChange: boolean;
  onEdit: (edited: SearchCaseView | DraftCase) => void;
}

/** As many as a set holds, page by page. */
async function allCases(signal: AbortSignal): Promise<SearchCaseView[]> {
  const all: SearchCaseView[] = [];
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ limit: '200', ...(cursor && { cursor }) });
    const page: Page<SearchCaseView> = await api(`/tools/cases?${query}`, { signal });
    all.push(...page.data);
    cursor = page.nextCursor;
  } while (cursor);
  return all;
}

const shownAtOnce = 100;

const filters = {
  all: { label: 'All requests', has: () => true },
  worse: { label: 'Worse than before', has: (result) => result?.change === 'worse' },
  better: { label: 'Better than before', has: (result) => result?.change === 'better' },
  missed: { label: 'Not among the first 10', has: (result) => isMissed(result) },
  void: { label: 'No right tool is there', has: (result) => result?.void === true },
} satisfies Record<string, { label: string; has: (result: RunEntry | undefined) => boolean }>;
type Filter = keyof typeof filters;
const filterNames = Object.keys(filters) as Filter[];

function isMissed(result: RunEntry | undefined): boolean {
  return result !== undefined && !result.void && (result.rank === null || result.rank > 10);
}

export function TestSet({ mayChange, onEdit }: TestSetProps) {
  const [importing, setImporting] = useState(false);
  const [shown, setShown] = useState(shownAtOnce);
  const [filter, setFilter] = useQueryState('show', parseAsStringLiteral(filterNames).withDefault('all'));
  const run = useRun();
  const cases = useQuery({ queryKey: ['quality', 'cases'], queryFn: ({ signal }) => allCases(signal) });
  const latest = useQuery({
    queryKey: ['quality', 'runs', 'latest'],
    queryFn: async ({ signal }) => {
      const [newest] = (await api<Page<SearchRunSummary>>('/tools/runs?limit=1', { signal })).data;
      return newest ? api<SearchRunView>(`/tools/runs/${newest.id}`, { signal }) : null;
    },
  });
  const error = cases.error ?? latest.error;
  if (error) return <ErrorNotice error={error} />;
  if (!cases.data || latest.data === undefined) return <TablePageSkeleton rows={5} />;

  const importDialog = importing && <ImportDialog onClose={() => setImporting(false)} />;
  if (cases.data.length === 0) {
    return (
      <>
        <EmptyState
          Icon={ListChecks}
          title="The test set is empty"
          actions={
            mayChange && (
              <>
                <Button variant="primary" onClick={() => onEdit(blank)}>
                  <Plus aria-hidden />
                  Add request
                </Button>
                <Button onClick={() => setImporting(true)}>Import</Button>
              </>
            )
          }
        >
          Write down requests as your users ask them, with the tools that are right. Then measure how often the search
          finds them, and whether a change makes it better.
        </EmptyState>
        {importDialog}
      </>
    );
  }

  const { data } = latest;
  const measured = new Map(data?.entries.map((entry) => [entry.id, entry]));
  // What was changed since then was not measured as it is.
  const resultOf = ({ id, updatedAt }: SearchCaseView) => (data && updatedAt <= data.at ? measured.get(id) : undefined);
  const wanted = cases.data.filter((each) => filters[filter].has(resultOf(each)));
  return (
    <>
      <div className="mb-3 flex flex-wrap items-center gap-2">
        <p className="flex-1 basis-40 text-table text-muted-foreground" role="status">
          {run.progress
            ? `Measuring: ${run.progress.done.toLocaleString('en')} of ${plural(run.progress.total || cases.data.length, 'request')}`
            : `${plural(cases.data.length, 'request')}${filter === 'all' ? '' : `, ${wanted.length} shown`}`}
        </p>
        {data && (
          <Select
            aria-label="Requests to show"
            value={filter}
            onChange={({ target }) => void setFilter(target.value as Filter)}
            options={filterNames.map((name) => ({ value: name, label: filters[name].label }))}
          />
        )}
        <ExportMenu />
        {mayChange && (
          <>
            <Button onClick={() => setImporting(true)}>Import</Button>
            <Button onClick={() => onEdit(blank)}>
              <Plus aria-hidden />
              Add request
            </Button>
            {/* One button, so that it keeps the focus. */}
            <Button
              variant={run.progress ? 'secondary' : 'primary'}
              onClick={run.progress ? run.cancel : () => void run.start()}
            >
              {run.progress ? 'Cancel' : 'Measure'}
            </Button>
          </>
        )}
      </div>
      {run.refusal && (
        <div className="mb-3">
          <ErrorNotice error={run.refusal} />
        </div>
      )}
      {data && <LatestRun run={data} />}
      {wanted.length === 0 ? (
        <EmptyState
          title="No request of this kind"
          actions={<Button onClick={() => void setFilter(null)}>Show all requests</Button>}
        />
      ) : (
        <Table {...(!mayChange && { frameLabel: 'Test set' })}>
          <TableHead actions={mayChange}>
            <Th>Request</Th>
            <Th className="max-md:hidden">Right tools</Th>
            <Th>Place</Th>
          </TableHead>
          <TableBody>
            {wanted.slice(0, shown).map((each) => (
              <CaseRow
                key={each.id}
                entry={each}
                result={resultOf(each)}
                onEdit={mayChange ? () => onEdit(each) : null}
              />
            ))}
          </TableBody>
        </Table>
      )}
      {wanted.length > shown && (
        <div className="mt-3 flex justify-center">
          <Button onClick={() => setShown(shown + shownAtOnce)}>Show more requests</Button>
        </div>
      )}
      {importDialog}
    </>
  );
}

function ExportMenu() {
  return (
    <Menu>
      <MenuTrigger className={buttonClass('secondary')}>
        <Download aria-hidden />
        Export
      </MenuTrigger>
      <MenuContent>
        {textForms.map(({ format, label }) => (
          <MenuItem key={format} asChild>
            <a href={hubPath(`/api/v1/tools/cases/export?format=${format}`)} download>
              {label}
            </a>
          </MenuItem>
        ))}
      </MenuContent>
    </Menu>
  );
}

const textForms = [
  { format: 'csv', label: 'As CSV' },
  { format: 'jsonl', label: 'As lines of JSON' },
] as const;

const blank: DraftCase = { query: '', expected: [] };
