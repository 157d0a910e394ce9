'use client';
// API keys: who has one, what for, and when it was last used.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { KeyRound, Plus } from 'lucide-react';
import { parseAsBoolean, useQueryState } from 'nuqs';
import { useState } from 'react';
import { answered } from '@/app/_ui/answered';
import { api, type Page } from '@/app/_ui/api';
import { Badge } from '@/app/_ui/badge';
import { Button } from '@/app/_ui/button';
import { ConfirmDialog } from '@/app/_ui/confirm-dialog';
import { EmptyState } from '@/app/_ui/empty-state';
import { plural } from '@/app/_ui/format';
import { usePollingInterval } from '@/app/_ui/live';
import { ErrorNotice } from '@/app/_ui/notice';
import { PageHeader } from '@/app/_ui/page-header';
import { RelativeTime } from '@/app/_ui/relative-time';
import { Table, TableBody, TableHead, TableRow, Td, Th } from '@/app/_ui/table';
import { toast } from '@/app/_ui/toaster';
import type { KeyScope, KeyView } from '@/lib/access/schema';
import type { ConnectData } from '../connect/load';
import { revokeKeyAction } from './actions';
import { CreateKeyDialog } from './create-key-dialog';
import { RotateKeyDialog } from './rotate-key-dialog';

const queryKey = ['keys'];

export interface KeysViewProps {
  initial: KeyView[];
  connect: ConnectData;
  /** Name of the visitor; the owner is shown where others' keys are listed too. */
  self: string;
}

export function KeysView({ initial, connect, self }: KeysViewProps) {
  const client = useQueryClient();
  const [creating, setCreating] = useQueryState(
    'new',
    parseAsBoolean.withDefault(false).withOptions({ history: 'push' }),
  );
  const { data: keys, error } = useQuery({
    queryKey,
    queryFn: async ({ signal }) => (await api<Page<KeyView>>('/keys?limit=200', { signal })).data,
    initialData: initial,
    refetchInterval: usePollingInterval(),
  });
  const [rotating, setRotating] = useState<KeyView | null>(null);
  const refresh = () => void client.invalidateQueries({ queryKey });
  const replaced = new Set(keys.flatMap(({ replaces, revokedAt }) => (replaces && !revokedAt ? [replaces] : [])));
  // Only the owner may: the secret lets one act as the owner.
  const mayRotate = (key: KeyView) => connect.mayCreateKey && key.owner === self && !replaced.has(key.id);
  const showsOwners = keys.some((key) => key.owner !== self);
  const newButton = connect.mayCreateKey && (
    <Button variant="primary" onClick={() => void setCreating(true)}>
      <Plus aria-hidden />
      New key
    </Button>
  );

  return (
    <>
      <PageHeader
        title="Keys"
        description="An MCP client shows a key to be let in. It acts as its owner, and less where it is limited."
        actions={keys.length > 0 && newButton}
      />
      {error && <ErrorNotice error={error} />}
      {keys.length === 0 ? (
        <EmptyState Icon={KeyRound} title="No keys yet" actions={newButton}>
          Clients need a key. Make one per client: it can then be revoked without touching the others.
        </EmptyState>
      ) : (
        <Table>
          <TableHead actions>
            <Th>Name</Th>
            <Th className="max-sm:hidden">Begins with</Th>
            <Th className="max-md:hidden">Limited to</Th>
            {showsOwners && <Th className="max-lg:hidden">Owner</Th>}
            <Th>Last used</Th>
            <Th className="max-lg:hidden">Expires</Th>
          </TableHead>
          <TableBody>
            {keys.map((key) => (
              <TableRow key={key.id} data-key={key.name}>
                <Td className="w-1/3 max-w-0 max-sm:w-full">
                  <p className="truncate font-medium" title={key.name}>
                    {key.name}
                    {replaced.has(key.id) && <Badge className="ml-2">old secret</Badge>}
                  </p>
                  <p className="truncate font-mono text-caption font-normal text-muted-foreground sm:hidden">
                    {key.prefix}…
                  </p>
                </Td>
                <Td className="font-mono text-[0.75rem] max-sm:hidden">{key.prefix}…</Td>
                <Td className="max-md:hidden">
                  <ScopeText scope={key.scope} />
                </Td>
                {showsOwners && <Td className="max-lg:hidden">{key.owner}</Td>}
                <Td>
                  <RelativeTime at={key.lastUsedAt} empty="never" />
                  {key.lastUsedFrom && (
                    <p className="text-caption font-normal text-muted-foreground">from {key.lastUsedFrom}</p>
                  )}
                </Td>
                <Td className="max-lg:hidden">
                  <RelativeTime at={key.expiresAt} empty="never" />
                </Td>
                <Td className="text-right">
                  <KeyEnd
                    keyView={key}
                    onRotate={mayRotate(key) ? () => setRotating(key) : undefined}
                    onRevoked={refresh}
                  />
                </Td>
              </TableRow>
            ))}
          </TableBody>
        </Table>
      )}
      {rotating && <RotateKeyDialog keyView={rotating} onClose={() => setRotating(null)} onRotated={refresh} />}
      <CreateKeyDialog
        open={creating}
        onOpenChange={(open) => void setCreating(open ? true : null)}
        connect={connect}
        onCreated={refresh}
      />
    </>
  );
}

interface KeyEndProps {
  keyView: KeyView;
  onRotate: (() => void) | undefined;
  onRevoked: () => void;
}

function KeyEnd({ keyView, onRotate, onRevoked }: KeyEndProps) {
  if (keyView.revokedAt) return <Badge tone="idle">Revoked</Badge>;
  if (keyView.expiresAt && Date.parse(keyView.expiresAt) < Date.now()) return <Badge tone="idle">Expired</Badge>;
  return (
    <div className="flex flex-wrap justify-end gap-1.5">
      {onRotate && (
        <Button size="sm" aria-label={`Rotate key ${keyView.name}`} onClick={onRotate}>
          Rotate
        </Button>
      )}
      <ConfirmDialog
        trigger={
          <Button size="sm" aria-label={`Revoke key ${keyView.name}`}>
            Revoke
          </Button>
        }
        title={`Revoke key ${keyView.name}?`}
        confirm="Revoke"
        onConfirm={async () => {
          const answer = await answered(revokeKeyAction({ id: keyView.id }));
          if (!answer.ok) throw new Error(answer.message);
          toast(`Key ${keyView.name} revoked`);
          onRevoked();
        }}
      >
        Every client that uses it is shut out at once. This cannot be undone.
      </ConfirmDialog>
    </div>
  );
}

function ScopeText({ scope }: { scope: KeyScope | null }) {
  if (!scope) return <span className="text-muted-foreground">everything of its owner</span>;
  const hasList = scope.groups || scope.servers || scope.tools;
  const parts = [
    scope.readOnly && (hasList ? 'read-only' : 'everything of its owner, read-only'),
    scope.groups?.length && `${plural(scope.groups.length, 'group')}: ${scope.groups.join(', ')}`,
    scope.servers?.length && `${plural(scope.servers.length, 'server')}: ${scope.servers.join(', ')}`,
    scope.tools?.length && `${plural(scope.tools.length, 'tool')}: ${scope.tools.join(', ')}`,
  ].filter(Boolean);
  const text = parts.join('; ');
  return (
    <span className="line-clamp-1 max-w-72" title={text}>
      {text}
    </span>
  );
}
