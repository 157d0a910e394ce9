'use client';
// The call log: who called what, how it went and how long it took. Filters and the open call live in the URL.
import { Cable, ScrollText } from 'lucide-react';
import Link from 'next/link';
import { debounce, parseAsBoolean, parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs';
import { useId, useMemo } from 'react';
import { Button, buttonClass } from '@/app/_ui/button';
import { EmptyState } from '@/app/_ui/empty-state';
import { Input } from '@/app/_ui/input';
import { ErrorNotice } from '@/app/_ui/notice';
import { PageHeader } from '@/app/_ui/page-header';
import { Select } from '@/app/_ui/select';
import { TablePageSkeleton } from '@/app/_ui/skeleton';
import { Switch } from '@/app/_ui/switch';
import { outcomes } from '@/lib/telemetry/schema';
import { CallPanel } from './call-panel';
import { CallTable } from './call-table';
import { outcomeWord } from './outcome-badge';
import { useCalls } from './use-calls';

const urlState = {
  server: parseAsString,
  tool: parseAsString,
  outcome: parseAsStringLiteral(outcomes),
  follow: parseAsBoolean.withDefault(true),
  call: parseAsString,
};

export function CallsView({ servers }: { servers: string[] }) {
  const [{ server, tool, outcome, follow, call }, setState] = useQueryStates(urlState);
  const filter = useMemo(() => ({ server, tool, outcome }), [server, tool, outcome]);
  const { calls, error, isPending, hasNextPage, fetchNextPage, isFetchingNextPage } = useCalls(filter, follow);
  const followId = useId();
  const isFiltered = Boolean(server || tool || outcome);
  const index = calls.findIndex((each) => each.id === call);
  const clear = () => void setState({ server: null, tool: null, outcome: null });

  return (
    <>
      <PageHeader title="Calls" description="Every tool call through the hub, newest first." />
      <div className="mb-3 flex flex-wrap items-center gap-2">
        <Select
          aria-label="Server"
          value={server ?? ''}
          onChange={({ target }) => void setState({ server: target.value || null })}
          options={[
            { value: '', label: 'All servers' },
            ...withGiven(servers, server).map((name) => ({ value: name, label: name })),
          ]}
        />
        <Select
          aria-label="Outcome"
          value={outcome ?? ''}
          onChange={({ target }) => void setState({ outcome: outcomes.find((each) => each === target.value) ?? null })}
          options={[
            { value: '', label: 'All outcomes' },
            ...outcomes.map((each) => ({ value: each, label: outcomeWord(each) })),
          ]}
        />
        <Input
          type="search"
          aria-label="Tool, by its exact name"
          placeholder="Tool name"
          className="max-w-48"
          value={tool ?? ''}
          onChange={({ target }) => void setState({ tool: target.value || null }, { limitUrlUpdates: debounce(300) })}
        />
        {isFiltered && (
          <Button variant="ghost" onClick={clear}>
            Clear
          </Button>
        )}
        <div className="ml-auto flex items-center gap-2 text-table">
          <label htmlFor={followId}>Follow</label>
          <Switch id={followId} checked={follow} onCheckedChange={(checked) => void setState({ follow: checked })} />
        </div>
      </div>
      {error && <ErrorNotice error={error} />}
      {isPending ? (
        <TablePageSkeleton rows={8} />
      ) : calls.length > 0 ? (
        <>
          <CallTable calls={calls} open={call} onOpen={(id) => void setState({ call: id }, { history: 'push' })} />
          {hasNextPage && (
            <div className="mt-3 flex justify-center">
              <Button busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
                Show older calls
              </Button>
            </div>
          )}
        </>
      ) : error ? null : isFiltered ? (
        <EmptyState
          title="No call matches these filters"
          actions={<Button onClick={clear}>Clear the filters</Button>}
        />
      ) : (
        <EmptyState
          Icon={ScrollText}
          title="No calls yet"
          actions={
            <Link href="/connect" className={buttonClass('primary')}>
              <Cable aria-hidden />
              Connect a client
            </Link>
          }
        >
          As soon as a client or the playground runs a tool, it is listed here.
        </EmptyState>
      )}
      <CallPanel
        call={calls[index]}
        open={call !== null && index >= 0}
        onClose={() => void setState({ call: null })}
        previous={calls[index - 1]?.id}
        next={calls[index + 1]?.id}
        onMove={(id) => void setState({ call: id })}
      />
    </>
  );
}

/** A filter from a pasted link stays visible, even for a server that is gone. */
function withGiven(names: string[], given: string | null): string[] {
  return given && !names.includes(given) ? [...names, given] : names;
}
