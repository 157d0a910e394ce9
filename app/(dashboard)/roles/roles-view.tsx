'use client';
// The roles: what each is for, and who has it.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { parseAsBoolean, useQueryState } from 'nuqs';
import { answered } from '@/app/_ui/answered';
import { api, type Page } from '@/app/_ui/api';
import { Badge } from '@/app/_ui/badge';
import { Button } from '@/app/_ui/button';
import { Dialog, DialogContent } from '@/app/_ui/dialog';
import { usePollingInterval } from '@/app/_ui/live';
import { ErrorNotice } from '@/app/_ui/notice';
import { PageHeader } from '@/app/_ui/page-header';
import { Table, TableBody, TableHead, TableRow, Td, Th } from '@/app/_ui/table';
import { toast } from '@/app/_ui/toaster';
import type { RoleView } from '@/lib/access/schema';
import { createRoleAction } from './actions';
import type { RoleContext } from './load';
import { RoleForm } from './role-form';

const shownHolders = 3;

export function RolesView({ initial, around }: { initial: RoleView[]; around: RoleContext }) {
  const client = useQueryClient();
  const router = useRouter();
  const [adding, setAdding] = useQueryState('new', parseAsBoolean.withDefault(false).withOptions({ history: 'push' }));
  const { data: roles, error } = useQuery({
    queryKey: ['roles', 'list'],
    queryFn: async ({ signal }) => (await api<Page<RoleView>>('/roles?limit=200', { signal })).data,
    initialData: initial,
    refetchInterval: usePollingInterval(),
  });

  return (
    <>
      <PageHeader
        title="Roles"
        description="A role says what people may do. Somebody with several roles may do what any of them allows."
        actions={
          around.rights.create && (
            <Button variant="primary" onClick={() => void setAdding(true)}>
              <Plus aria-hidden />
              New role
            </Button>
          )
        }
      />
      {error && <ErrorNotice error={error} />}
      <Table>
        <TableHead>
          <Th>Name</Th>
          <Th className="max-md:hidden">Who has it</Th>
          <Th numeric>Users</Th>
        </TableHead>
        <TableBody>
          {roles.map((role) => (
            <TableRow key={role.id} data-role={role.name}>
              <Td className="w-1/2 max-w-0 max-sm:w-full">
                <span className="flex items-center gap-2">
                  <Link
                    href={`/roles/${encodeURIComponent(role.name)}`}
                    className="truncate font-medium hover:underline"
                  >
                    {role.name}
                  </Link>
                  {role.builtIn && <Badge>Built in</Badge>}
                </span>
                <p className="truncate text-caption font-normal text-muted-foreground" title={role.description}>
                  {role.description}
                </p>
              </Td>
              <Td className="max-w-64 truncate max-md:hidden">{holdersOf(role)}</Td>
              <Td numeric>{role.userCount}</Td>
            </TableRow>
          ))}
        </TableBody>
      </Table>
      <Dialog open={adding} onOpenChange={(open) => void setAdding(open ? true : null)}>
        <DialogContent size="lg" title="New role">
          <RoleForm
            values={{ name: '', description: '', permissions: [] }}
            around={around}
            submitLabel="Create the role"
            onCancel={() => void setAdding(null)}
            onSubmit={async (input) => {
              const answer = await answered(createRoleAction(input));
              if (!answer.ok) return answer;
              await client.invalidateQueries({ queryKey: ['roles'] });
              toast(`Role ${answer.data.name} created`);
              router.push(`/roles/${encodeURIComponent(answer.data.name)}`);
              return null;
            }}
          />
        </DialogContent>
      </Dialog>
    </>
  );
}

function holdersOf({ users, userCount }: RoleView) {
  if (userCount === 0) return <span className="text-muted-foreground">nobody</span>;
  const rest = userCount - Math.min(users.length, shownHolders);
  return [...users.slice(0, shownHolders), ...(rest > 0 ? [`${rest} more`] : [])].join(', ');
}
