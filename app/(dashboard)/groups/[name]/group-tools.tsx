'use client';
// The tools that a group offers, as models see them on its URL; each can be changed for this group alone.
import { useQuery } from '@tanstack/react-query';
import { api, type Page } from '@/app/_ui/api';
import { Badge } from '@/app/_ui/badge';
import { plural } from '@/app/_ui/format';
import { ErrorNotice } from '@/app/_ui/notice';
import { Panel, PanelHeader } from '@/app/_ui/panel';
import { Skeleton } from '@/app/_ui/skeleton';
import { TokenCount } from '@/app/_ui/token-count';
import type { GroupToolView } from '@/lib/servers/curation/schema';
import { EditToolButton } from '../../overlay-editor/edit-button';

export function GroupTools({ group, version, mayUpdate }: { group: string; version: number; mayUpdate: boolean }) {
  const { data: tools, error } = useQuery({
    queryKey: ['tools', 'of-group', group, version],
    queryFn: ({ signal }) => fetchTools(group, signal),
  });
  return (
    <Panel className="mt-4 max-w-3xl">
      <PanelHeader
        title="Tools, as models see them"
        description="Which ones are offered is chosen above. What is changed here holds in this group alone."
        actions={
          tools &&
          tools.length > 0 && <span className="text-table text-muted-foreground">{plural(tools.length, 'tool')}</span>
        }
      />
      {error && <ErrorNotice error={error} />}
      {!error && !tools && <Skeleton className="m-4 h-16" />}
      {tools?.length === 0 && (
        <p className="px-4 py-3 text-table text-muted-foreground">None yet: its servers have listed no tools.</p>
      )}
      {tools && tools.length > 0 && (
        <ul className="hairlines max-h-[36rem] overflow-y-auto">
          {tools.map((tool) => (
            <Row key={`${tool.server}/${tool.tool}`} tool={tool} group={group} mayUpdate={mayUpdate} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Row({ tool, group, mayUpdate }: { tool: GroupToolView; group: string; mayUpdate: boolean }) {
  return (
    <li className="flex items-start gap-2 px-4 py-2.5 text-table">
      <div className="min-w-0 flex-1">
        <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <span className="font-mono text-[0.75rem] font-medium break-all">{tool.name}</span>
          {tool.name !== tool.tool && (
            <span className="font-mono text-[0.75rem] break-all text-muted-foreground">
              <span className="sr-only">in place of </span>
              {tool.tool}
            </span>
          )}
          <Badge>{tool.server}</Badge>
          {tool.curated && <Badge tone="ok">curated</Badge>}
          <TokenCount tokens={tool.tokens} />
        </p>
        <p className="mt-0.5 line-clamp-2 text-muted-foreground">{tool.description || 'No description.'}</p>
        {tool.faults.map((fault) => (
          <p key={fault} className="mt-0.5 text-warn">
            {fault}
          </p>
        ))}
      </div>
      {mayUpdate && <EditToolButton edited={{ server: tool.server, group, tool: tool.tool }} />}
    </li>
  );
}

async function fetchTools(group: string, signal: AbortSignal): Promise<GroupToolView[]> {
  const found: GroupToolView[] = [];
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ limit: '200', ...(cursor && { cursor }) });
    const page: Page<GroupToolView> = await api(`/groups/${encodeURIComponent(group)}/tools?${query}`, { signal });
    found.push(...page.data);
    cursor = page.nextCursor;
  } while (cursor);
  return found;
}
