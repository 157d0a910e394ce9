'use client';
// Choose a tool, fill in its form, run it, see what came back.
import { useQuery } from '@tanstack/react-query';
import { FlaskConical } from 'lucide-react';
import Link from 'next/link';
import { parseAsString, useQueryStates } from 'nuqs';
import { useRef, useState } from 'react';
import { api, type Page } from '@/app/_ui/api';
import { buttonClass } from '@/app/_ui/button';
import { EmptyState } from '@/app/_ui/empty-state';
import { Field } from '@/app/_ui/field';
import { ErrorNotice, Notice } from '@/app/_ui/notice';
import { PageHeader } from '@/app/_ui/page-header';
import { Panel, PanelBody, PanelHeader } from '@/app/_ui/panel';
import { Select } from '@/app/_ui/select';
import { Skeleton } from '@/app/_ui/skeleton';
import type { ToolView } from '@/lib/servers/schema';
import { ResultPanel } from './result-panel';
import { RunHistory } from './run-history';
import { type Run, useRuns } from './runs';
import { ToolPanel } from './tool-panel';

export interface ToolName {
  server: string;
  /** As models see it. */
  name: string;
  /** As its server gives it. */
  original: string;
  title: string | null;
}

export function PlaygroundView({ names }: { names: ToolName[] }) {
  const [picked, setPicked] = useQueryStates({ server: parseAsString, tool: parseAsString });
  const [shownId, setShownId] = useState<number | null>(null);
  const [replayed, setReplayed] = useState<Run | null>(null);
  const runs = useRuns();
  const result = useRef<HTMLDivElement>(null);
  const first = names[0];

  if (!first) {
    return (
      <>
        <PageHeader title="Playground" />
        <EmptyState
          Icon={FlaskConical}
          title="No tools to run yet"
          actions={
            <Link href="/servers" className={buttonClass('primary')}>
              Go to the servers
            </Link>
          }
        >
          A tool appears here as soon as its server has been ready once.
        </EmptyState>
      </>
    );
  }

  const server = picked.server ?? first.server;
  const ofServer = names.filter((each) => each.server.toLowerCase() === server.toLowerCase());
  const wanted = picked.tool ?? ofServer[0]?.name ?? null;
  // A link from the call log goes by the original name.
  const found = ofServer.find((each) => each.name === wanted) ?? ofServer.find((each) => each.original === wanted);
  const tool = found?.name ?? wanted;
  const isKnown = found !== undefined;
  const shown =
    runs.find((run) => run.id === shownId) ?? runs.find((run) => run.server === server && run.tool === tool);

  function replay(run: Run) {
    void setPicked({ server: run.server, tool: run.tool });
    setReplayed(run);
    setShownId(run.id);
  }

  return (
    <>
      <PageHeader
        title="Playground"
        description="Run a tool as yourself, through the whole hub. Every run is in the call log."
      />
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Panel>
          <PanelHeader title="Tool" />
          <PanelBody className="flex flex-col gap-4">
            <div className="grid gap-3 sm:grid-cols-2">
              <Field label="Server">
                {(control) => (
                  <Select
                    {...control}
                    value={server}
                    onChange={({ target }) => {
                      void setPicked({ server: target.value, tool: null });
                      setShownId(null);
                    }}
                    options={optionsOf([...new Set([...names.map((each) => each.server), server])])}
                  />
                )}
              </Field>
              <Field label="Tool">
                {(control) => (
                  <Select
                    {...control}
                    value={tool ?? ''}
                    onChange={({ target }) => {
                      void setPicked({ server, tool: target.value });
                      setShownId(null);
                    }}
                    options={optionsOf(
                      isKnown || !tool
                        ? ofServer.map((each) => each.name)
                        : [tool, ...ofServer.map((each) => each.name)],
                    )}
                  />
                )}
              </Field>
            </div>
            {tool && isKnown ? (
              <ToolLoader
                key={`${server}/${tool}/${replayed?.id ?? ''}`}
                server={server}
                tool={tool}
                initial={replayed?.server === server && replayed.tool === tool ? replayed.arguments : undefined}
                running={shown?.state === 'running' ? shown : null}
                onRun={(id) => {
                  setShownId(id);
                  // On a phone the result is below the form.
                  result.current?.scrollIntoView({ block: 'nearest' });
                }}
              />
            ) : (
              <Notice
                tone="warn"
                title={
                  tool
                    ? `There is no tool “${tool}” on ${server}, or it is not yours to call.`
                    : `${server} offers no tools.`
                }
                hint="Choose another one above."
              />
            )}
          </PanelBody>
        </Panel>
        <div ref={result} className="flex min-w-0 scroll-my-4 flex-col gap-4">
          <ResultPanel run={shown} />
          <RunHistory runs={runs} shown={shown?.id ?? null} onShow={setShownId} onReplay={replay} />
        </div>
      </div>
    </>
  );
}

interface ToolLoaderProps {
  server: string;
  tool: string;
  initial: Run['arguments'] | undefined;
  running: Run | null;
  onRun: (id: number) => void;
}

function ToolLoader({ server, tool, ...rest }: ToolLoaderProps) {
  const { data, error } = useQuery({
    queryKey: ['tools', 'of', server],
    queryFn: ({ signal }) => fetchTools(server, signal),
  });
  if (error) return <ErrorNotice error={error} />;
  if (!data) return <Skeleton className="h-40 w-full" />;
  const found = data.find((each) => each.name === tool);
  if (!found)
    return <Notice tone="warn" title={`“${tool}” is not offered any more.`} hint="Choose another tool above." />;
  return <ToolPanel tool={found} {...rest} />;
}

async function fetchTools(server: string, signal: AbortSignal): Promise<ToolView[]> {
  const found: ToolView[] = [];
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ server, limit: '200', ...(cursor && { cursor }) });
    const page: Page<ToolView> = await api(`/tools?${query}`, { signal });
    found.push(...page.data.map((tool) => (tool.curated ? { ...tool, ...tool.curated } : tool)));
    cursor = page.nextCursor;
  } while (cursor);
  return found;
}

function optionsOf(values: string[]) {
  return values.map((value) => ({ value, label: value }));
}
