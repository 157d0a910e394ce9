'use client';
// The audit trail: who changed what, and who signed in. Filters and the open entry live in the URL.
import { Download, FileClock } from 'lucide-react';
import { debounce, parseAsString, useQueryStates } from 'nuqs';
import { useId, useMemo } from 'react';
import { Button, buttonClass } from '@/app/_ui/button';
import { EmptyState } from '@/app/_ui/empty-state';
import { hubPath } from '@/app/_ui/hub-path';
import { Input } from '@/app/_ui/input';
import { ErrorNotice } from '@/app/_ui/notice';
import { PageHeader } from '@/app/_ui/page-header';
import { Select } from '@/app/_ui/select';
import { TablePageSkeleton } from '@/app/_ui/skeleton';
import { AuditPanel } from './audit-panel';
import { AuditTable } from './audit-table';
import { auditQuery, useAudit } from './use-audit';
import { Verdict } from './verdict';
import { actionWords, knownActions } from './words';

const filterState = {
  action: parseAsString,
  resource: parseAsString,
  actor: parseAsString,
  from: parseAsString,
  to: parseAsString,
  q: parseAsString,
};
const noFilter = { action: null, resource: null, actor: null, from: null, to: null, q: null };
const resourceTypes = ['server', 'group', 'tool', 'key', 'user'];
const slowly = { limitUrlUpdates: debounce(300) };

export function AuditView() {
  const [{ entry: open, ...given }, setState] = useQueryStates({ ...filterState, entry: parseAsString });
  const { action, resource, actor, from, to, q } = given;
  const filters = useMemo(() => ({ action, resource, actor, from, to, q }), [action, resource, actor, from, to, q]);
  const { entries, error, isPending, hasNextPage, fetchNextPage, isFetchingNextPage } = useAudit(filters);
  const isFiltered = Object.values(filters).some(Boolean);
  const index = entries.findIndex(({ id }) => id === open);
  const clear = () => void setState(noFilter);
  const exportUrl = (format: string) => {
    const query = auditQuery(filters);
    query.set('format', format);
    return hubPath(`/api/v1/audit/export?${query}`);
  };

  return (
    <>
      <PageHeader
        title="Audit"
        description="Every change and every sign-in, newest first."
        actions={
          <>
            <a href={exportUrl('csv')} download className={buttonClass('secondary')}>
              <Download aria-hidden />
              CSV
            </a>
            <a href={exportUrl('ndjson')} download className={buttonClass('secondary')}>
              <Download aria-hidden />
              NDJSON
            </a>
          </>
        }
      />
      <Verdict />
      <div className="mb-3 flex flex-wrap items-center gap-2">
        <Select
          aria-label="Action"
          className="max-w-44"
          value={action ?? ''}
          onChange={({ target }) => void setState({ action: target.value || null })}
          options={[
            { value: '', label: 'All actions' },
            ...withGiven(knownActions, action).map((each) => ({ value: each, label: actionWords(each) })),
          ]}
        />
        <Select
          aria-label="Kind of thing"
          value={resource ?? ''}
          onChange={({ target }) => void setState({ resource: target.value || null })}
          options={[
            { value: '', label: 'All things' },
            ...withGiven(resourceTypes, resource).map((each) => ({ value: each, label: each })),
          ]}
        />
        <Input
          type="search"
          aria-label="Who, by name"
          placeholder="Who"
          className="max-w-36"
          value={actor ?? ''}
          onChange={({ target }) => void setState({ actor: target.value || null }, slowly)}
        />
        <Input
          type="search"
          aria-label="Text anywhere in the entry"
          placeholder="Search"
          className="max-w-44"
          value={q ?? ''}
          onChange={({ target }) => void setState({ q: target.value || null }, slowly)}
        />
        <DayInput label="From" value={from} onChange={(day) => void setState({ from: day })} />
        <DayInput label="To" value={to} onChange={(day) => void setState({ to: day })} />
        {isFiltered && (
          <Button variant="ghost" onClick={clear}>
            Clear
          </Button>
        )}
      </div>
      {error && <ErrorNotice error={error} />}
      {isPending ? (
        <TablePageSkeleton rows={8} />
      ) : entries.length > 0 ? (
        <>
          <AuditTable
            entries={entries}
            open={open}
            onOpen={(id) => void setState({ entry: id }, { history: 'push' })}
          />
          {hasNextPage && (
            <div className="mt-3 flex justify-center">
              <Button busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
                Show older entries
              </Button>
            </div>
          )}
        </>
      ) : error ? null : isFiltered ? (
        <EmptyState
          title="No entry matches these filters"
          actions={<Button onClick={clear}>Clear the filters</Button>}
        />
      ) : (
        <EmptyState Icon={FileClock} title="Nothing was recorded yet">
          Every change to servers, groups, keys and users is listed here.
        </EmptyState>
      )}
      <AuditPanel
        entry={entries[index]}
        onClose={() => void setState({ entry: null })}
        newer={entries[index - 1]?.id}
        older={index < 0 ? undefined : entries[index + 1]?.id}
        onMove={(id) => void setState({ entry: id })}
      />
    </>
  );
}

interface DayInputProps {
  label: string;
  /** yyyy-mm-dd */
  value: string | null;
  onChange: (day: string | null) => void;
}

function DayInput({ label, value, onChange }: DayInputProps) {
  const id = useId();
  return (
    <span className="flex items-center gap-2 text-table">
      <label htmlFor={id}>{label}</label>
      <Input
        id={id}
        type="date"
        className="max-w-40"
        value={value ?? ''}
        onChange={({ target }) => onChange(target.value || null)}
      />
    </span>
  );
}

/** A filter from a pasted link stays visible, even for what is not in the list. */
function withGiven(known: readonly string[], given: string | null): readonly string[] {
  return given && !known.includes(given) ? [...known, given] : known;
}
