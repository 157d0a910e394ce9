'use client';
import { CircleUser, LogOut } from 'lucide-react';
import { buttonClass } from '../button';
import { Menu, MenuContent, MenuItem, MenuLabel, MenuSeparator, MenuTrigger } from '../menu';

export interface UserMenuProps {
  user: string;
  /** The action that ends the session. */
  onSignOut: (input: Record<string, never>) => Promise<unknown>;
}

export function UserMenu({ user, onSignOut }: UserMenuProps) {
  async function leave() {
    try {
      await onSignOut({});
    } finally {
      location.assign('/signin');
    }
  }

  return (
    <Menu>
      <MenuTrigger className={buttonClass('ghost', 'icon', '-mr-2')} aria-label={`Account of ${user}`}>
        <CircleUser aria-hidden />
      </MenuTrigger>
      <MenuContent>
        <MenuLabel className="max-w-56 truncate">Signed in as {user}</MenuLabel>
        <MenuSeparator />
        <MenuItem onSelect={() => void leave()}>
          <LogOut aria-hidden />
          Sign out
        </MenuItem>
      </MenuContent>
    </Menu>
  );
}
