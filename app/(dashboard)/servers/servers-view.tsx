'use client';
// The list of servers: what runs, what does not and why, and what one can do about it.
import { useQueryClient } from '@tanstack/react-query';
import { Plus, Server } from 'lucide-react';
import dynamic from 'next/dynamic';
import { parseAsBoolean, parseAsString, useQueryState } from 'nuqs';
import { Button } from '@/app/_ui/button';
import { EmptyState } from '@/app/_ui/empty-state';
import { plural } from '@/app/_ui/format';
import { Input } from '@/app/_ui/input';
import { ErrorNotice, Notice } from '@/app/_ui/notice';
import { PageHeader } from '@/app/_ui/page-header';
import { Table, TableBody, TableHead, Th } from '@/app/_ui/table';
import { toast } from '@/app/_ui/toaster';
import type { ServerDrift } from '@/lib/servers/schema';
import { ServerRow } from './server-row';
import { type ServerRights, type ShownServer, targetOf } from './shown-server';
import { useOperations } from './use-operations';
import { useServers } from './use-servers';

const AddServerDialog = dynamic(() => import('./add-server-dialog'), { ssr: false });

export interface ServersViewProps {
  initial: ShownServer[];
  /** As of when the page was opened. */
  drift: readonly ServerDrift[];
  rights: ServerRights;
}

export function ServersView({ initial, drift, rights }: ServersViewProps) {
  const { servers, error, refetch } = useServers(initial);
  const [filter, setFilter] = useQueryState('q', parseAsString.withDefault('').withOptions({ throttleMs: 200 }));
  const [adding, setAdding] = useQueryState('add', parseAsBoolean.withDefault(false).withOptions({ history: 'push' }));
  const operations = useOperations();
  const client = useQueryClient();
  const wanted = filter.trim().toLowerCase();
  const shown = wanted
    ? servers.filter((server) =>
        `${server.name} ${targetOf(server)} ${server.description}`.toLowerCase().includes(wanted),
      )
    : servers;

  const addButton = rights.create && (
    <Button variant="primary" onClick={() => setAdding(true)}>
      <Plus aria-hidden />
      Add server
    </Button>
  );

  return (
    <>
      <PageHeader title="Servers" actions={servers.length > 0 && addButton} />
      {error && (
        <div className="mb-4">
          <ErrorNotice
            error={error}
            actions={
              <Button size="sm" onClick={() => refetch()}>
                Try again
              </Button>
            }
          />
        </div>
      )}
      {operations.refusal && (
        <Notice
          className="mb-4"
          tone="bad"
          title={`Could not ${operations.refusal.operation} ${operations.refusal.server}: ${operations.refusal.failure.message}`}
          hint={operations.refusal.failure.hint}
        />
      )}
      {servers.length === 0 ? (
        <EmptyState Icon={Server} title="No servers yet" actions={addButton}>
          {rights.create
            ? 'Paste the configuration of any MCP client, a command line or a URL: the hub starts it, watches it and offers its tools at one endpoint.'
            : 'None has been opened to you. An administrator can add you to a group.'}
        </EmptyState>
      ) : (
        <>
          <div className="mb-3 flex flex-wrap items-center gap-3">
            <Input
              type="search"
              aria-label="Filter servers"
              placeholder="Filter by name, command or URL"
              className="max-w-72"
              value={filter}
              onChange={(event) => setFilter(event.target.value || null)}
            />
            <p className="text-table text-muted-foreground" role="status">
              {wanted ? `${shown.length} of ${plural(servers.length, 'server')}` : plural(servers.length, 'server')}
            </p>
          </div>
          {shown.length === 0 ? (
            <EmptyState
              title={`No server matches “${filter}”`}
              actions={<Button onClick={() => setFilter(null)}>Clear the filter</Button>}
            />
          ) : (
            <Table>
              <TableHead actions>
                <Th>Name</Th>
                <Th className="max-sm:hidden">State</Th>
                <Th className="max-[90rem]:hidden">Command or URL</Th>
                <Th numeric className="max-sm:hidden">
                  Tools
                </Th>
                <Th numeric className="max-lg:hidden">
                  Memory
                </Th>
                <Th className="max-md:hidden">Since</Th>
                <Th className="max-lg:hidden">Groups</Th>
              </TableHead>
              <TableBody>
                {shown.map((server) => (
                  <ServerRow
                    key={server.id}
                    server={server}
                    state={operations.stateOf(server)}
                    changedTools={drift.find(({ server: name }) => name === server.name)?.count ?? 0}
                    rights={rights}
                    onOperate={(operation) => void operations.run(server, operation)}
                    onRemoved={() => {
                      client.setQueryData<ShownServer[]>(['servers', 'list'], (list) =>
                        list?.filter(({ id }) => id !== server.id),
                      );
                      toast(`Removed ${server.name}`);
                    }}
                  />
                ))}
              </TableBody>
            </Table>
          )}
        </>
      )}
      {adding && rights.create && (
        <AddServerDialog
          open={adding}
          onOpenChange={(open) => setAdding(open || null)}
          onAdded={() => void client.invalidateQueries({ queryKey: ['servers'] })}
        />
      )}
    </>
  );
}
