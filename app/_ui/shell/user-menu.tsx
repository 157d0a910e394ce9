'use client';
import { CircleUser, LogOut, Settings2 } from 'lucide-react';
import Link from 'next/link';
import { buttonClass } from '../button';
import { hubPath } from '../hub-path';
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
      location.assign(hubPath('/signin'));
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
        <MenuItem asChild>
          <Link href="/account">
            <Settings2 aria-hidden />
            Account
          </Link>
        </MenuItem>
        <MenuItem onSelect={() => void leave()}>
          <LogOut aria-hidden />
          Sign out
        </MenuItem>
      </MenuContent>
    </Menu>
  );
}
