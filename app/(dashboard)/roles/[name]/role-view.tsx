'use client';
// One role: what it may, and who has it; changed in place unless it is built in.
import { useQueryClient } from '@tanstack/react-query';
import { Copy, Trash2 } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { answered } from '@/app/_ui/answered';
import { Badge } from '@/app/_ui/badge';
import { Button } from '@/app/_ui/button';
import { ConfirmDialog } from '@/app/_ui/confirm-dialog';
import { Dialog, DialogBody, DialogContent, DialogFooter, DialogForm } from '@/app/_ui/dialog';
import { Field } from '@/app/_ui/field';
import { plural } from '@/app/_ui/format';
import { Input } from '@/app/_ui/input';
import { Notice } from '@/app/_ui/notice';
import { PageHeader } from '@/app/_ui/page-header';
import { Panel } from '@/app/_ui/panel';
import { toast } from '@/app/_ui/toaster';
import type { RoleView as Role } from '@/lib/access/schema';
import type { ActionFailure } from '@/lib/errors';
import { deleteRoleAction, duplicateRoleAction, updateRoleAction } from '../actions';
import type { RoleContext } from '../load';
import { isSingle, PermissionMatrix } from '../permission-matrix';
import { RoleForm } from '../role-form';

const pathOf = (name: string) => `/roles/${encodeURIComponent(name)}`;

export function RoleView({ role, around }: { role: Role; around: RoleContext }) {
  const router = useRouter();
  const client = useQueryClient();
  const [copying, setCopying] = useState(false);
  const { rights } = around;
  const mayChange = rights.update && !role.builtIn;
  const refresh = () => client.invalidateQueries({ queryKey: ['roles'] });

  return (
    <>
      <PageHeader
        title={role.name}
        description={role.description || undefined}
        actions={
          <>
            {role.builtIn && <Badge>Built in: cannot be changed</Badge>}
            {rights.create && (
              <Button onClick={() => setCopying(true)}>
                <Copy aria-hidden />
                Duplicate…
              </Button>
            )}
            {rights.delete && !role.builtIn && (
              <ConfirmDialog
                trigger={
                  <Button variant="secondary">
                    <Trash2 aria-hidden />
                    Delete…
                  </Button>
                }
                title={`Delete role ${role.name}?`}
                confirm="Delete"
                onConfirm={async () => {
                  const answer = await answered(deleteRoleAction({ name: role.name, ifVersion: role.version }));
                  if (!answer.ok) throw new Error(answer.message);
                  await refresh();
                  toast(`Role ${role.name} deleted`);
                  router.push('/roles');
                }}
              >
                Only a role that nobody has can be deleted.
              </ConfirmDialog>
            )}
          </>
        }
      />
      <section aria-labelledby="holders" className="mb-4 max-w-5xl">
        <h2 id="holders" className="mb-1 text-section">
          Who has it
        </h2>
        <p className="text-table text-muted-foreground">
          {role.userCount === 0 ? 'Nobody.' : role.users.join(', ')}
          {role.userCount > role.users.length &&
            `${role.users.length > 0 ? ' and ' : ''}${plural(role.userCount - role.users.length, 'user')}.`}
        </p>
      </section>
      {mayChange ? (
        <Panel className="max-w-5xl pt-3">
          <RoleForm
            values={{ name: role.name, description: role.description, permissions: role.permissions.filter(isSingle) }}
            around={around}
            submitLabel="Save"
            onSubmit={async (patch) => {
              const answer = await answered(updateRoleAction({ name: role.name, patch, ifVersion: role.version }));
              if (!answer.ok) return answer;
              await refresh();
              toast('Saved. It holds at once.');
              if (answer.data.name === role.name) router.refresh();
              else router.replace(pathOf(answer.data.name));
              return null;
            }}
          />
        </Panel>
      ) : (
        <div className="max-w-5xl">
          <PermissionMatrix rows={around.matrix} value={role.permissions} />
        </div>
      )}
      <Dialog open={copying} onOpenChange={setCopying}>
        <DialogContent size="sm" title={`Duplicate role ${role.name}`}>
          <CopyForm
            source={role.name}
            onCancel={() => setCopying(false)}
            onCopied={async (name) => {
              await refresh();
              toast(`Role ${name} created`);
              router.push(pathOf(name));
            }}
          />
        </DialogContent>
      </Dialog>
    </>
  );
}

interface CopyFormProps {
  source: string;
  onCancel: () => void;
  onCopied: (name: string) => Promise<void>;
}

function CopyForm({ source, onCancel, onCopied }: CopyFormProps) {
  const [name, setName] = useState(`${source}-copy`);
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<ActionFailure | null>(null);
  const ofName = refusal?.fields?.['/name'] ?? null;

  async function submit() {
    setBusy(true);
    const answer = await answered(duplicateRoleAction({ source, name }));
    if (answer.ok) await onCopied(answer.data.name);
    else setRefusal(answer);
    setBusy(false);
  }

  return (
    <DialogForm onSubmit={() => void submit()}>
      <DialogBody className="flex flex-col gap-4">
        {refusal && !ofName && <Notice tone="bad" title={refusal.message} hint={refusal.hint} />}
        <Field label="Name of the copy" required error={ofName}>
          {(control) => (
            <Input {...control} autoComplete="off" value={name} onChange={({ target }) => setName(target.value)} />
          )}
        </Field>
      </DialogBody>
      <DialogFooter>
        <Button onClick={onCancel}>Cancel</Button>
        <Button type="submit" variant="primary" busy={busy} disabled={name === ''}>
          Duplicate
        </Button>
      </DialogFooter>
    </DialogForm>
  );
}
