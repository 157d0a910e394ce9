'use client';
// Every tool of every server, and the search among them by what somebody wants to do. The search lives in the URL.
import { Search, Wrench } from 'lucide-react';
import Link from 'next/link';
import { debounce, parseAsBoolean, parseAsString, useQueryStates } from 'nuqs';
import { useId } from 'react';
import { Button, buttonClass } from '@/app/_ui/button';
import { EmptyState } from '@/app/_ui/empty-state';
import { plural } from '@/app/_ui/format';
import { Input } from '@/app/_ui/input';
import { ErrorNotice } from '@/app/_ui/notice';
import { PageHeader } from '@/app/_ui/page-header';
import { Panel } from '@/app/_ui/panel';
import { Select } from '@/app/_ui/select';
import { TablePageSkeleton } from '@/app/_ui/skeleton';
import { Switch } from '@/app/_ui/switch';
import { SearchMode } from './search-mode';
import { ToolRow } from './tool-row';
import { useToolList, useToolSearch, type Wanted } from './use-tools';

const urlState = {
  q: parseAsString.withDefault(''),
  server: parseAsString,
  readOnly: parseAsBoolean.withDefault(false),
};
/** Of one request, as the hub takes it. */
const queryMaxChars = 8_000;

export interface ToolsViewProps {
  servers: string[];
  mayCall: boolean;
}

export function ToolsView({ servers, mayCall }: ToolsViewProps) {
  const [{ q, server, readOnly }, setState] = useQueryStates(urlState);
  const readOnlyId = useId();
  const isSearch = q.trim() !== '';

  return (
    <>
      <PageHeader
        title="Tools"
        description="Say what you want to do: the tools for it are listed, the best first, with the reason."
        actions={
          <Link href="/tools/quality" className={buttonClass('secondary')}>
            Quality of the search
          </Link>
        }
      />
      <search className="mb-3 flex flex-wrap items-center gap-2">
        <Input
          type="search"
          aria-label="What a tool shall do"
          placeholder="What do you want to do? For example: rename a file"
          className="min-w-56 flex-1 basis-72"
          maxLength={queryMaxChars}
          value={q}
          onChange={({ target }) => void setState({ q: target.value || null }, { limitUrlUpdates: debounce(300) })}
        />
        <Select
          aria-label="Server"
          value={server ?? ''}
          onChange={({ target }) => void setState({ server: target.value || null })}
          options={[
            { value: '', label: 'All servers' },
            ...(server && !servers.includes(server) ? [server, ...servers] : servers).map((name) => ({
              value: name,
              label: name,
            })),
          ]}
        />
        {isSearch && (
          <div className="flex items-center gap-2 text-table">
            <label htmlFor={readOnlyId}>Read-only tools alone</label>
            <Switch
              id={readOnlyId}
              checked={readOnly}
              onCheckedChange={(checked) => void setState({ readOnly: checked })}
            />
          </div>
        )}
      </search>
      <SearchMode />
      {isSearch ? (
        <Hits wanted={{ query: q, server, readOnly }} mayCall={mayCall} onClear={() => void setState(null)} />
      ) : (
        <AllTools server={server} mayCall={mayCall} />
      )}
    </>
  );
}

function Hits({ wanted, mayCall, onClear }: { wanted: Wanted; mayCall: boolean; onClear: () => void }) {
  const { data, error, isPending } = useToolSearch(wanted);
  if (error) return <ErrorNotice error={error} />;
  if (isPending) return <TablePageSkeleton rows={5} />;
  const { hits, tookMs, mode } = data;
  const by = mode === 'hybrid' ? ', by words and meaning' : '';
  return (
    <>
      <p role="status" className="mb-2 text-caption font-normal text-muted-foreground">
        {hits.length > 0 &&
          `${plural(hits.length, 'tool')}, the best first, in ${Math.max(1, Math.round(tookMs))} ms${by}`}
      </p>
      {hits.length === 0 ? (
        <EmptyState
          Icon={Search}
          title="No tool fits this"
          actions={<Button onClick={onClear}>Clear the search</Button>}
        >
          Try other words for it, or fewer. Only tools that you may see are searched.
        </EmptyState>
      ) : (
        <Panel>
          <ul className="hairlines">
            {hits.map((hit) => (
              <ToolRow key={hit.id} tool={hit} mayCall={mayCall} hit={hit} />
            ))}
          </ul>
        </Panel>
      )}
    </>
  );
}

function AllTools({ server, mayCall }: { server: string | null; mayCall: boolean }) {
  const { tools, error, isPending, hasNextPage, fetchNextPage, isFetchingNextPage } = useToolList(server);
  if (error) return <ErrorNotice error={error} />;
  if (isPending) return <TablePageSkeleton rows={8} />;
  if (tools.length === 0) {
    return (
      <EmptyState
        Icon={Wrench}
        title="No tools known"
        actions={
          <Link href="/servers" className={buttonClass('primary')}>
            Go to the servers
          </Link>
        }
      >
        A tool is listed as soon as its server has been ready once.
      </EmptyState>
    );
  }
  return (
    <>
      <Panel>
        <ul className="hairlines">
          {tools.map((tool) => (
            <ToolRow
              key={tool.id}
              tool={{ ...tool, readOnly: tool.annotations?.readOnlyHint === true }}
              mayCall={mayCall && tool.enabled}
            />
          ))}
        </ul>
      </Panel>
      {hasNextPage && (
        <div className="mt-3 flex justify-center">
          <Button busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            Show more tools
          </Button>
        </div>
      )}
    </>
  );
}
