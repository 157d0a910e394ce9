'use client';
// The buttons of one server: the fitting operation, the rest in a menu.
import { EllipsisVertical, Play, RotateCw, Square, Trash2 } from 'lucide-react';
import { useRef, useState } from 'react';
import { answered } from '@/app/_ui/answered';
import { Button, type ButtonSize, buttonClass } from '@/app/_ui/button';
import { ConfirmDialog } from '@/app/_ui/confirm-dialog';
import { Menu, MenuContent, MenuItem, MenuSeparator, MenuTrigger } from '@/app/_ui/menu';
import type { ServerState } from '@/lib/servers/schema';
import { deleteServerAction } from './actions';
import {
  needsAttention,
  type Operation,
  operationsOf,
  type ServerRights,
  type ShownServer,
  wordOf,
} from './shown-server';

const icons = { start: Play, restart: RotateCw, stop: Square } as const;

export interface ServerActionsProps {
  server: ShownServer;
  /** The state that is shown for it. */
  state: ServerState | null;
  rights: ServerRights;
  size?: ButtonSize;
  /** Another try of what failed is offered elsewhere on the page, beside its cause. */
  retryElsewhere?: boolean;
  onOperate: (operation: Operation) => void;
  onRemoved: () => void;
}

export function ServerActions(props: ServerActionsProps) {
  const { server, state, rights, size = 'md', retryElsewhere, onOperate, onRemoved } = props;
  const [asking, setAsking] = useState(false);
  const menu = useRef<HTMLButtonElement>(null);
  const possible = rights.operate ? operationsOf(server, state) : [];
  const operations = possible.filter((each) => !retryElsewhere || wordOf(each, state) !== 'Retry now');
  const [first, ...rest] = operations;
  const mayRemove = rights.delete && server.source === 'api';
  if (!first && !mayRemove) return null;
  // In a list only what helps stands out: a start, or another try of what failed.
  const quiet = size === 'sm' && first !== 'start' && state !== 'asleep' && !needsAttention(state);
  const FirstIcon = first && icons[first];
  return (
    <div className="flex items-center justify-end gap-1">
      {first && FirstIcon && (
        <Button
          size={size}
          variant={quiet ? 'ghost' : 'secondary'}
          onClick={() => onOperate(first)}
          aria-label={`${wordOf(first, state)}: ${server.name}`}
        >
          <FirstIcon aria-hidden />
          {wordOf(first, state)}
        </Button>
      )}
      {(rest.length > 0 || mayRemove) && (
        <Menu>
          <MenuTrigger
            ref={menu}
            className={buttonClass('ghost', size === 'sm' ? 'icon-sm' : 'icon')}
            aria-label={`More for ${server.name}`}
          >
            <EllipsisVertical aria-hidden />
          </MenuTrigger>
          <MenuContent>
            {rest.map((operation) => {
              const Icon = icons[operation];
              return (
                <MenuItem key={operation} onSelect={() => onOperate(operation)}>
                  <Icon aria-hidden />
                  {wordOf(operation, state)}
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
        returnFocus={menu}
        title={`Remove server ${server.name}?`}
        confirm="Remove"
        onConfirm={async () => {
          const answer = await answered(deleteServerAction({ name: server.name }));
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
