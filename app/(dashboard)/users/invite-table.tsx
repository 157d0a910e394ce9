'use client';
import { api } from '@/app/_ui/api';
import { Badge } from '@/app/_ui/badge';
import { Button } from '@/app/_ui/button';
import { ConfirmDialog } from '@/app/_ui/confirm-dialog';
import { RelativeTime } from '@/app/_ui/relative-time';
import { Table, TableBody, TableHead, TableRow, Td, Th } from '@/app/_ui/table';
import { toast } from '@/app/_ui/toaster';
import type { InviteView } from '@/lib/access/schema';

export function InviteTable({ invites, onChanged }: { invites: InviteView[]; onChanged: () => void }) {
  if (invites.length === 0) return null;
  return (
    <section aria-labelledby="invites" className="mt-8">
      <h2 id="invites" className="mb-3 text-section">
        Invites
      </h2>
      <Table>
        <TableHead>
          <Th>For</Th>
          <Th className="max-sm:hidden">Roles</Th>
          <Th className="max-md:hidden">Groups</Th>
          <Th className="max-lg:hidden">Made by</Th>
          <Th>Until</Th>
          <Th>
            <span className="sr-only">State</span>
          </Th>
        </TableHead>
        <TableBody>
          {invites.map((invite) => (
            <TableRow key={invite.id} data-invite={invite.note}>
              <Td className="w-1/3 max-w-0 truncate font-medium max-sm:w-full">
                {invite.note || <span className="font-normal text-muted-foreground">no note</span>}
              </Td>
              <Td className="max-sm:hidden">{invite.roles.join(', ') || '–'}</Td>
              <Td className="max-md:hidden">{invite.groups.join(', ') || '–'}</Td>
              <Td className="max-lg:hidden">{invite.createdBy ?? '–'}</Td>
              <Td>
                <RelativeTime at={invite.expiresAt} />
              </Td>
              <Td className="text-right">
                <InviteEnd invite={invite} onRevoked={onChanged} />
              </Td>
            </TableRow>
          ))}
        </TableBody>
      </Table>
    </section>
  );
}

function InviteEnd({ invite, onRevoked }: { invite: InviteView; onRevoked: () => void }) {
  if (invite.state === 'used') return <Badge tone="ok">Used by {invite.usedBy ?? 'somebody'}</Badge>;
  if (invite.state !== 'open') return <Badge tone="idle">{invite.state === 'revoked' ? 'Revoked' : 'Expired'}</Badge>;
  const name = invite.note || 'without a note';
  return (
    <ConfirmDialog
      trigger={
        <Button size="sm" aria-label={`Revoke invite ${name}`}>
          Revoke
        </Button>
      }
      title={`Revoke the invite ${name}?`}
      confirm="Revoke"
      onConfirm={async () => {
        await api(`/invites/${invite.id}`, { method: 'DELETE' });
        toast('Invite revoked');
        onRevoked();
      }}
    >
      The link does not work any more. This cannot be undone.
    </ConfirmDialog>
  );
}
