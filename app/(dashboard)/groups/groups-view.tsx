'use client';
// The groups: which servers each offers, to whom, and at which URL.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Plus, SquareStack } from 'lucide-react';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { parseAsBoolean, useQueryState } from 'nuqs';
import { answered } from '@/app/_ui/answered';
import { api, type Page } from '@/app/_ui/api';
import { Button, buttonClass } from '@/app/_ui/button';
import { CopyButton } from '@/app/_ui/copy-button';
import { Dialog, DialogContent } from '@/app/_ui/dialog';
import { EmptyState } from '@/app/_ui/empty-state';
import { plural } from '@/app/_ui/format';
import { usePollingInterval } from '@/app/_ui/live';
import { ErrorNotice } from '@/app/_ui/notice';
import { PageHeader } from '@/app/_ui/page-header';
import { Table, TableBody, TableHead, TableRow, Td, Th } from '@/app/_ui/table';
import { toast } from '@/app/_ui/toaster';
import { endpointUrl } from '@/lib/servers/clients';
import type { GroupView } from '@/lib/servers/schema';
import { OpenBadge } from '../open-access';
import { createGroupAction } from './actions';
import { emptyGroup, GroupForm } from './group-form';
import type { GroupContext } from './load';

export function GroupsView({ initial, around }: { initial: GroupView[]; around: GroupContext }) {
  const client = useQueryClient();
  const router = useRouter();
  const [adding, setAdding] = useQueryState('new', parseAsBoolean.withDefault(false).withOptions({ history: 'push' }));
  const { data: groups, error } = useQuery({
    queryKey: ['groups', 'list'],
    queryFn: async ({ signal }) => (await api<Page<GroupView>>('/groups?limit=200', { signal })).data,
    initialData: initial,
    refetchInterval: usePollingInterval(),
  });
  const newButton = around.rights.create && (
    <Button variant="primary" onClick={() => void setAdding(true)}>
      <Plus aria-hidden />
      New group
    </Button>
  );

  return (
    <>
      <PageHeader
        title="Groups"
        description="A group offers chosen servers and tools at a URL of its own, to its members."
        actions={groups.length > 0 && newButton}
      />
      {error && <ErrorNotice error={error} />}
      {groups.length === 0 ? (
        <EmptyState Icon={SquareStack} title="No groups yet" actions={newButton}>
          <code className="font-mono text-[0.75rem]">/api/mcp</code> already serves all you may see. A group is a
          smaller set: for one task, or for people who shall not see everything.
        </EmptyState>
      ) : (
        <Table>
          <TableHead actions>
            <Th>Name</Th>
            <Th className="max-sm:hidden">Servers</Th>
            <Th numeric className="max-md:hidden">
              Members
            </Th>
            <Th className="max-lg:hidden">URL</Th>
          </TableHead>
          <TableBody>
            {groups.map((group) => (
              <GroupRow key={group.id} group={group} base={around.base} />
            ))}
          </TableBody>
        </Table>
      )}
      <Dialog open={adding} onOpenChange={(open) => void setAdding(open ? true : null)}>
        <DialogContent size="lg" title="New group">
          <GroupForm
            values={emptyGroup}
            around={around}
            submitLabel="Create the group"
            onCancel={() => void setAdding(null)}
            onSubmit={async (input) => {
              const answer = await answered(createGroupAction(input));
              if (!answer.ok) return answer;
              await client.invalidateQueries({ queryKey: ['groups'] });
              toast(`Group ${answer.data.name} created`);
              router.push(`/groups/${encodeURIComponent(answer.data.name)}`);
              return null;
            }}
          />
        </DialogContent>
      </Dialog>
    </>
  );
}

function GroupRow({ group, base }: { group: GroupView; base: string }) {
  const url = endpointUrl(base, group.name);
  const servers = group.servers.map(({ server }) => server).join(', ');
  return (
    <TableRow data-group={group.name}>
      <Td className="w-1/3 max-w-0 max-sm:w-full">
        <span className="flex min-w-0 items-center gap-2">
          <Link href={`/groups/${encodeURIComponent(group.name)}`} className="truncate font-medium hover:underline">
            {group.name}
          </Link>
          <OpenBadge anonymous={group.anonymous} />
        </span>
        <p className="truncate text-caption font-normal text-muted-foreground">
          {group.description || <span className="sm:hidden">{plural(group.servers.length, 'server')}</span>}
        </p>
      </Td>
      <Td className="max-w-64 truncate max-sm:hidden" title={servers}>
        {servers || <span className="text-muted-foreground">none</span>}
      </Td>
      <Td numeric className="max-md:hidden">
        {group.members.length}
      </Td>
      <Td className="max-lg:hidden">
        <span className="flex items-center gap-1">
          <code className="font-mono text-[0.75rem]">{new URL(url).pathname}</code>
          <CopyButton text={url} label={`Copy the URL of ${group.name}`} />
        </span>
      </Td>
      <Td className="text-right">
        <Link
          href={`/connect?endpoint=${encodeURIComponent(group.name)}`}
          className={buttonClass('secondary', 'sm')}
          aria-label={`Connect a client to ${group.name}`}
        >
          Connect
        </Link>
      </Td>
    </TableRow>
  );
}
