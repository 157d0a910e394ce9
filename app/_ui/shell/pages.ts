// The pages of the navigation. A page that does not exist yet is not listed; an entry without a right is not shown.
import { can, canSome } from '@/lib/access/can';
import type { Action, Actor, ResourceType } from '@/lib/access/schema';

export type PageIcon =
  | 'overview'
  | 'servers'
  | 'groups'
  | 'tools'
  | 'playground'
  | 'calls'
  | 'keys'
  | 'users'
  | 'limits'
  | 'secrets'
  | 'sign-in'
  | 'roles'
  | 'audit';

interface NavPage {
  href: string;
  label: string;
  icon: PageIcon;
  /** What somebody must be allowed to do; absent: everybody who is signed in. */
  needs?: readonly [Action, ResourceType];
  /** It takes the right over all of them: everybody may read themselves. */
  all?: true;
}

interface NavBlock {
  label: string;
  pages: readonly NavPage[];
}

const blocks: readonly NavBlock[] = [
  {
    label: 'Run',
    pages: [
      { href: '/', label: 'Overview', icon: 'overview' },
      { href: '/servers', label: 'Servers', icon: 'servers', needs: ['read', 'server'] },
      { href: '/groups', label: 'Groups', icon: 'groups', needs: ['read', 'group'] },
      { href: '/tools', label: 'Tools', icon: 'tools', needs: ['read', 'tool'] },
      { href: '/playground', label: 'Playground', icon: 'playground', needs: ['call', 'tool'] },
    ],
  },
  { label: 'Watch', pages: [{ href: '/calls', label: 'Calls', icon: 'calls', needs: ['read', 'call'] }] },
  {
    label: 'Control',
    pages: [
      { href: '/keys', label: 'Keys', icon: 'keys', needs: ['read', 'key'] },
      { href: '/users', label: 'Users', icon: 'users', needs: ['read', 'user'], all: true },
      { href: '/roles', label: 'Roles', icon: 'roles', needs: ['read', 'role'] },
      { href: '/limits', label: 'Limits', icon: 'limits', needs: ['read', 'setting'] },
      { href: '/secrets', label: 'Secrets', icon: 'secrets', needs: ['read', 'setting'] },
      { href: '/settings/sign-in', label: 'Sign-in', icon: 'sign-in', needs: ['read', 'setting'] },
      { href: '/audit', label: 'Audit', icon: 'audit', needs: ['read', 'audit'] },
    ],
  },
];

export interface NavEntry {
  href: string;
  label: string;
  icon: PageIcon;
}

/** The navigation of this actor: blocks in order, empty ones left out. */
export function navOf(actor: Actor): { label: string; pages: NavEntry[] }[] {
  return blocks
    .map(({ label, pages }) => ({
      label,
      pages: pages
        .filter(
          ({ needs, all }) => !needs || (all ? can(actor, needs[0], { type: needs[1] }) : canSome(actor, ...needs)),
        )
        .map(({ href, label, icon }) => ({ href, label, icon })),
    }))
    .filter(({ pages }) => pages.length > 0);
}
