'use client';
// The buttons of one server: the fitting operation, the rest in a menu.
import { EllipsisVertical, Play, RotateCw, Square, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { Button, type ButtonSize, buttonClass } from '@/app/_ui/button';
import { ConfirmDialog } from '@/app/_ui/confirm-dialog';
import { Menu, MenuContent, MenuItem, MenuSeparator, MenuTrigger } from '@/app/_ui/menu';
import { deleteServerAction } from './actions';
import { needsAttention, type Operation, operationsOf, type ServerRights, type ShownServer } from './shown-server';

const looks = {
  start: { label: 'Start', Icon: Play },
  restart: { label: 'Restart', Icon: RotateCw },
  stop: { label: 'Stop', Icon: Square },
} as const;

export interface ServerActionsProps {
  server: ShownServer;
  rights: ServerRights;
  size?: ButtonSize;
  onOperate: (operation: Operation) => void;
  onRemoved: () => void;
}

export function ServerActions({ server, rights, size = 'md', onOperate, onRemoved }: ServerActionsProps) {
  const [asking, setAsking] = useState(false);
  const operations = rights.operate ? operationsOf(server) : [];
  const [first, ...rest] = operations;
  const mayRemove = rights.delete && server.source === 'api';
  if (!first && !mayRemove) return null;
  // In a list only what helps stands out: a start, or another try of what failed.
  const quiet = size === 'sm' && first === 'restart' && !needsAttention(server.status?.state);
  const FirstIcon = first && looks[first].Icon;
  return (
    <div className="flex items-center justify-end gap-1">
      {first && FirstIcon && (
        <Button
          size={size}
          variant={quiet ? 'ghost' : 'secondary'}
          onClick={() => onOperate(first)}
          aria-label={`${looks[first].label} ${server.name}`}
        >
          <FirstIcon aria-hidden />
          {looks[first].label}
        </Button>
      )}
      {(rest.length > 0 || mayRemove) && (
        <Menu>
          <MenuTrigger
            className={buttonClass('ghost', size === 'sm' ? 'icon-sm' : 'icon')}
            aria-label={`More for ${server.name}`}
          >
            <EllipsisVertical aria-hidden />
          </MenuTrigger>
          <MenuContent>
            {rest.map((operation) => {
              const { label, Icon } = looks[operation];
              return (
                <MenuItem key={operation} onSelect={() => onOperate(operation)}>
                  <Icon aria-hidden />
                  {label}
                </MenuItem>
              );
            })}
            {rest.length > 0 && mayRemove && <MenuSeparator />}
            {mayRemove && (
              <MenuItem danger onSelect={() => setAsking(true)}>
                <Trash2 aria-hidden />
                Remove…
              </MenuItem>
            )}
          </MenuContent>
        </Menu>
      )}
      <ConfirmDialog
        open={asking}
        onOpenChange={setAsking}
        title={`Remove server ${server.name}?`}
        confirm="Remove"
        onConfirm={async () => {
          const answer = await deleteServerAction({ name: server.name });
          if (!answer.ok) throw new Error(answer.message);
          onRemoved();
        }}
      >
        Its processes end, and its {server.toolCount === 1 ? 'tool disappears' : `${server.toolCount} tools disappear`}{' '}
        for every client.
        {server.groups.length > 0 && ` It leaves ${server.groups.join(', ')}.`} Its calls stay in the log.
      </ConfirmDialog>
    </div>
  );
}
