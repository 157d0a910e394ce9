'use client';
// The tools of a server with their schemas. Texts come from the server and are shown as text, never as HTML.
import { useQuery } from '@tanstack/react-query';
import { ChevronRight, Wrench } from 'lucide-react';
import dynamic from 'next/dynamic';
import Link from 'next/link';
import { parseAsString, useQueryState } from 'nuqs';
import { useState } from 'react';
import { api, type Page } from '@/app/_ui/api';
import { Badge } from '@/app/_ui/badge';
import { buttonClass } from '@/app/_ui/button';
import { CopyButton } from '@/app/_ui/copy-button';
import { EmptyState } from '@/app/_ui/empty-state';
import { Input } from '@/app/_ui/input';
import { Panel } from '@/app/_ui/panel';
import type { ToolView } from '@/lib/servers/schema';
import type { ShownServer } from '../shown-server';

const JsonView = dynamic(() => import('@/app/_ui/json-view').then(({ JsonView }) => JsonView), { ssr: false });

export interface ToolsTabProps {
  server: ShownServer;
  initial: ToolView[];
  mayCall: boolean;
}

export function ToolsTab({ server, initial, mayCall }: ToolsTabProps) {
  const [filter, setFilter] = useQueryState('tool', parseAsString.withDefault(''));
  const { data: tools } = useQuery({
    queryKey: ['tools', server.name],
    queryFn: async ({ signal }) =>
      (await api<Page<ToolView>>(`/servers/${encodeURIComponent(server.name)}/tools?limit=200`, { signal })).data,
    initialData: initial,
  });
  if (tools.length === 0) {
    return (
      <EmptyState Icon={Wrench} title="No tools known">
        {server.status?.state === 'ready'
          ? 'The server runs but offers no tools.'
          : 'Tools are listed as soon as the server has been ready once.'}
      </EmptyState>
    );
  }
  const wanted = filter.toLowerCase();
  const shown = tools.filter((tool) =>
    `${tool.name} ${tool.title ?? ''} ${tool.description ?? ''}`.toLowerCase().includes(wanted),
  );
  return (
    <div className="flex flex-col gap-3">
      <Input
        type="search"
        aria-label="Filter tools"
        placeholder="Filter tools"
        className="max-w-72"
        value={filter}
        onChange={(event) => void setFilter(event.target.value || null)}
      />
      <Panel>
        <ul className="hairlines">
          {shown.map((tool) => (
            <ToolRow key={tool.id} tool={tool} mayCall={mayCall} />
          ))}
          {shown.length === 0 && (
            <li className="px-4 py-3 text-table text-muted-foreground">No tool matches “{filter}”.</li>
          )}
        </ul>
      </Panel>
    </div>
  );
}

/** Hints of the server on what a tool does; they are claims, not facts. */
const hints = [
  ['readOnlyHint', 'read-only'],
  ['destructiveHint', 'destructive'],
  ['idempotentHint', 'idempotent'],
  ['openWorldHint', 'open world'],
] as const;

function ToolRow({ tool, mayCall }: { tool: ToolView; mayCall: boolean }) {
  const [open, setOpen] = useState(false);
  const tryHref = `/playground?${new URLSearchParams({ server: tool.server, tool: tool.name })}`;
  return (
    <li className="relative">
      <details onToggle={(event) => setOpen(event.currentTarget.open)} className="group">
        <summary className="flex items-start gap-2 py-2.5 pr-20 pl-4 text-table hover:bg-accent/60 focus-visible:-outline-offset-2 [&::-webkit-details-marker]:hidden">
          <ChevronRight
            aria-hidden
            className="mt-0.5 size-4 shrink-0 text-muted-foreground transition-transform duration-[120ms] group-open:rotate-90"
          />
          <span className="min-w-0 flex-1">
            <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
              <span className="font-mono text-[0.75rem] font-medium break-all">{tool.name}</span>
              {tool.title && tool.title !== tool.name && <span className="text-muted-foreground">{tool.title}</span>}
              {hints.map(([key, word]) => tool.annotations?.[key] === true && <Badge key={key}>{word}</Badge>)}
              {!tool.enabled && <Badge tone="idle">off</Badge>}
            </span>
            {tool.description !== tool.title && (
              <span className="mt-0.5 line-clamp-2 text-muted-foreground group-open:line-clamp-none group-open:whitespace-pre-wrap">
                {tool.description ?? 'No description.'}
              </span>
            )}
          </span>
        </summary>
        {open && (
          <div className="flex flex-col gap-3 pr-4 pb-4 pl-10">
            <p className="flex flex-wrap items-center gap-1 text-table text-muted-foreground">
              On <code className="font-mono text-[0.75rem]">/api/mcp</code> it is called
              <code className="font-mono text-[0.75rem] break-all text-foreground">{tool.exposedName}</code>
              <CopyButton text={tool.exposedName} label="Copy the name" />
            </p>
            <Schema title="Input" schema={tool.inputSchema} />
            {tool.outputSchema && <Schema title="Output" schema={tool.outputSchema} />}
          </div>
        )}
      </details>
      {mayCall && (
        <Link
          href={tryHref}
          className={buttonClass('secondary', 'sm', 'absolute top-2 right-4')}
          aria-label={`Try ${tool.name}`}
        >
          Try
        </Link>
      )}
    </li>
  );
}

function Schema({ title, schema }: { title: string; schema: Record<string, unknown> }) {
  return (
    <div className="min-w-0">
      <h3 className="mb-1 text-caption text-muted-foreground">{title}</h3>
      <div className="rounded-panel border border-border bg-sunken p-3">
        <JsonView value={schema} open={3} />
      </div>
    </div>
  );
}
