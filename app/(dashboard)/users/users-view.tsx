'use client';
// Who may sign in, with which roles, and who is invited.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link2, Plus } from 'lucide-react';
import Link from 'next/link';
import { useState } from 'react';
import { api, type Page } from '@/app/_ui/api';
import { Badge } from '@/app/_ui/badge';
import { Button } from '@/app/_ui/button';
import { usePollingInterval } from '@/app/_ui/live';
import { ErrorNotice } from '@/app/_ui/notice';
import { PageHeader } from '@/app/_ui/page-header';
import { RelativeTime } from '@/app/_ui/relative-time';
import { Table, TableBody, TableHead, TableRow, Td, Th } from '@/app/_ui/table';
import type { InviteView, UserView } from '@/lib/access/schema';
import { AddDialog, type AddKind } from './add-dialog';
import { InviteTable } from './invite-table';
import type { UserContext } from './load';

export interface UsersViewProps {
  initial: UserView[];
  invites: InviteView[];
  around: UserContext;
}

export function UsersView({ initial, invites: initialInvites, around }: UsersViewProps) {
  const client = useQueryClient();
  const [adding, setAdding] = useState<AddKind | null>(null);
  const refetchInterval = usePollingInterval();
  const { data: users, error } = useQuery({
    queryKey: ['users', 'list'],
    queryFn: async ({ signal }) => (await api<Page<UserView>>('/users?limit=200', { signal })).data,
    initialData: initial,
    refetchInterval,
  });
  const { data: invites } = useQuery({
    queryKey: ['invites'],
    queryFn: async ({ signal }) => (await api<Page<InviteView>>('/invites?limit=200', { signal })).data,
    initialData: initialInvites,
    enabled: around.rights.create,
    refetchInterval,
  });
  const refresh = () => {
    void client.invalidateQueries({ queryKey: ['users'] });
    void client.invalidateQueries({ queryKey: ['invites'] });
  };

  return (
    <>
      <PageHeader
        title="Users"
        description="Who may sign in here. Roles say what somebody may do, groups which servers it is about."
        actions={
          around.rights.create && (
            <>
              <Button onClick={() => setAdding('invite')}>
                <Link2 aria-hidden />
                Invite
              </Button>
              <Button variant="primary" onClick={() => setAdding('user')}>
                <Plus aria-hidden />
                New user
              </Button>
            </>
          )
        }
      />
      {error && <ErrorNotice error={error} />}
      <Table>
        <TableHead>
          <Th>Name</Th>
          <Th className="max-sm:hidden">Roles</Th>
          <Th className="max-md:hidden">Groups</Th>
          <Th className="max-lg:hidden">Second factor</Th>
          <Th>Last sign-in</Th>
        </TableHead>
        <TableBody>
          {users.map((user) => (
            <TableRow key={user.id} data-user={user.username}>
              <Td className="w-1/3 max-w-0 max-sm:w-full">
                <p className="flex min-w-0 items-center gap-2">
                  <Link href={`/users/${user.id}`} className="truncate font-medium hover:underline">
                    {user.username}
                  </Link>
                  {user.disabled && <Badge tone="idle">Disabled</Badge>}
                  {user.lockedUntil && <Badge tone="warn">Locked</Badge>}
                </p>
                {user.displayName && (
                  <p className="truncate text-caption font-normal text-muted-foreground">{user.displayName}</p>
                )}
              </Td>
              <Td className="max-sm:hidden">{user.roles.join(', ') || <None />}</Td>
              <Td className="max-md:hidden">{user.groups.join(', ') || <None />}</Td>
              <Td className="max-lg:hidden">
                {user.secondFactor ? 'On' : <span className="text-muted-foreground">Off</span>}
              </Td>
              <Td>
                <RelativeTime at={user.lastSignInAt} empty="never" />
              </Td>
            </TableRow>
          ))}
        </TableBody>
      </Table>
      {around.rights.create && <InviteTable invites={invites} onChanged={refresh} />}
      <AddDialog kind={adding} around={around} onClose={() => setAdding(null)} onAdded={refresh} />
    </>
  );
}

function None() {
  return <span className="text-muted-foreground">none</span>;
}
