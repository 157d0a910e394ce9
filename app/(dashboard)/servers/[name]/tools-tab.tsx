'use client';
// The tools of a server with their schemas. Texts come from the server and are shown as text, never as HTML.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { ChevronRight, Wrench } from 'lucide-react';
import dynamic from 'next/dynamic';
import Link from 'next/link';
import { parseAsString, useQueryState } from 'nuqs';
import { useState } from 'react';
import { answered } from '@/app/_ui/answered';
import { api, type Page } from '@/app/_ui/api';
import { Badge } from '@/app/_ui/badge';
import { Button, buttonClass } from '@/app/_ui/button';
import { CopyButton } from '@/app/_ui/copy-button';
import { EmptyState } from '@/app/_ui/empty-state';
import { plural } from '@/app/_ui/format';
import { Input } from '@/app/_ui/input';
import { Notice } from '@/app/_ui/notice';
import { Panel } from '@/app/_ui/panel';
import { toast } from '@/app/_ui/toaster';
import { TokenCount } from '@/app/_ui/token-count';
import type { ShownTool, ToolView } from '@/lib/servers/schema';
import { EditToolButton } from '../../overlay-editor/edit-button';
import { approveToolsAction } from '../actions';
import type { ShownServer } from '../shown-server';
import { suspicionWords } from './suspicion-words';

/** With the library that compares texts: few servers need it. */
const DriftDetails = dynamic(() => import('./tool-drift').then(({ DriftDetails }) => DriftDetails), { ssr: false });
const FieldChangesList = dynamic(
  () => import('@/app/_ui/field-changes-list').then(({ FieldChangesList }) => FieldChangesList),
  { ssr: false },
);
const JsonView = dynamic(() => import('@/app/_ui/json-view').then(({ JsonView }) => JsonView), { ssr: false });

export interface ToolsTabProps {
  server: ShownServer;
  initial: ToolView[];
  mayCall: boolean;
  /** To approve tools, and to say what models see of them. */
  mayUpdate: boolean;
}

export function ToolsTab({ server, initial, mayCall, mayUpdate }: ToolsTabProps) {
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
    [tool.name, tool.title, tool.description, tool.curated?.name, tool.curated?.title, tool.curated?.description].some(
      (text) => text?.toLowerCase().includes(wanted),
    ),
  );
  const drifted = tools.filter(({ drift }) => drift !== null);
  return (
    <div className="flex flex-col gap-3">
      {drifted.length > 0 && (
        <Notice
          tone="warn"
          title={`${plural(drifted.length, 'tool')} changed after ${drifted.length === 1 ? 'it was' : 'they were'} first seen or approved`}
          hint={
            drifted[0]?.drift?.held
              ? 'Clients neither see nor call them until they are approved. Open each to see what is new.'
              : 'They are served as they are now. Open each to see what is new.'
          }
          actions={mayUpdate && <ApproveButton server={server.name} tools={drifted} />}
        />
      )}
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
            <ToolRow key={tool.id} tool={tool} mayCall={mayCall} mayUpdate={mayUpdate} />
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

/** Approves exactly the definitions that are shown. */
function ApproveButton({ server, tools }: { server: string; tools: readonly ToolView[] }) {
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  async function approve() {
    setBusy(true);
    const approved = tools.map(({ name, definitionHash }) => ({ name, definitionHash }));
    const answer = await answered(approveToolsAction({ name: server, approval: { tools: approved } }));
    await client.invalidateQueries({ queryKey: ['tools', server] });
    setBusy(false);
    if (answer.ok) toast(`Approved ${tools.length === 1 ? tools[0]?.name : plural(tools.length, 'tool')}`);
    else toast.error(answer.message);
  }
  return (
    <Button size="sm" busy={busy} onClick={() => void approve()}>
      {tools.length === 1 ? `Approve ${tools[0]?.name}` : `Approve all ${tools.length}`}
    </Button>
  );
}

interface ToolRowProps {
  tool: ToolView;
  mayCall: boolean;
  mayUpdate: boolean;
}

function ToolRow({ tool, mayCall, mayUpdate }: ToolRowProps) {
  const shown = tool.curated ?? tool;
  const [open, setOpen] = useState(false);
  const tryHref = `/playground?${new URLSearchParams({ server: tool.server, tool: shown.name })}`;
  return (
    <li className="relative">
      <details onToggle={(event) => setOpen(event.currentTarget.open)} className="group">
        <summary className="flex items-start gap-2 py-2.5 pr-28 pl-4 text-table hover:bg-accent/60 focus-visible:-outline-offset-2 [&::-webkit-details-marker]:hidden">
          <ChevronRight
            aria-hidden
            className="mt-0.5 size-4 shrink-0 text-muted-foreground transition-transform duration-[120ms] group-open:rotate-90"
          />
          <span className="min-w-0 flex-1">
            <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
              <span className="font-mono text-[0.75rem] font-medium break-all">{shown.name}</span>
              {shown.name !== tool.name && (
                <span className="font-mono text-[0.75rem] break-all text-muted-foreground">
                  <span className="sr-only">in place of </span>
                  {tool.name}
                </span>
              )}
              {shown.title && shown.title !== shown.name && (
                <span className="text-muted-foreground">{shown.title}</span>
              )}
              {tool.curated && <Badge tone="ok">curated</Badge>}
              {tool.overlayFaults.length > 0 && <Badge tone="warn">does not fit</Badge>}
              {hints.map(([key, word]) => shown.annotations?.[key] === true && <Badge key={key}>{word}</Badge>)}
              {tool.drift && <Badge tone="warn">{tool.drift.held ? 'changed, held' : 'changed'}</Badge>}
              {tool.suspicions.map((each) => (
                <Badge key={each} tone="bad">
                  {suspicionWords[each]}
                </Badge>
              ))}
              {!tool.enabled && <Badge tone="idle">off</Badge>}
              <TokenCount tokens={tool.tokens} />
            </span>
            {shown.description !== shown.title && (
              <span className="mt-0.5 line-clamp-2 text-muted-foreground group-open:line-clamp-none group-open:whitespace-pre-wrap">
                {shown.description ?? 'No description.'}
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
            {tool.drift && (
              <>
                <DriftDetails tool={tool} drift={tool.drift} />
                {mayUpdate && (
                  <div>
                    <ApproveButton server={tool.server} tools={[tool]} />
                  </div>
                )}
              </>
            )}
            {tool.overlayFaults.length > 0 && (
              <Notice
                tone="warn"
                title="Not all of what is set for this tool fits it"
                hint={tool.overlayFaults.join(' ')}
              />
            )}
            {tool.curated && (
              <div>
                <h2 className="mb-1 text-caption text-muted-foreground">What the server says, and what models see</h2>
                <FieldChangesList before={wordsOf(tool)} after={wordsOf(tool.curated)} />
              </div>
            )}
            <Schema title="Input" schema={shown.inputSchema} />
            {shown.outputSchema && <Schema title="Output" schema={shown.outputSchema} />}
          </div>
        )}
      </details>
      <span className="absolute top-2 right-4 flex gap-1.5">
        {mayUpdate && <EditToolButton edited={{ server: tool.server, tool: tool.name }} />}
        {mayCall && tool.enabled && !tool.drift?.held && (
          <Link href={tryHref} className={buttonClass('secondary', 'sm')} aria-label={`Try ${shown.name}`}>
            Try
          </Link>
        )}
      </span>
    </li>
  );
}

function wordsOf({ name, title, description, annotations, inputSchema }: ToolView | ShownTool) {
  return { name, title, description, annotations, inputSchema };
}

function Schema({ title, schema }: { title: string; schema: Record<string, unknown> }) {
  return (
    <div className="min-w-0">
      <h2 className="mb-1 text-caption text-muted-foreground">{title}</h2>
      <div className="rounded-panel border border-border bg-sunken p-3">
        <JsonView value={schema} open={3} />
      </div>
    </div>
  );
}
