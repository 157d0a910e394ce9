'use client';
// The navigation itself, in the side bar and in the drawer of small screens.
import {
  FileClock,
  FlaskConical,
  Gauge,
  KeyRound,
  LayoutDashboard,
  LockKeyhole,
  LogIn,
  type LucideIcon,
  ScrollText,
  Server,
  ShieldCheck,
  SquareStack,
  Users,
  Wrench,
} from 'lucide-react';
import Link from 'next/link';
import { usePathname } from 'next/navigation';
import { cn } from '../cn';
import { Tooltip } from '../tooltip';
import type { NavEntry, PageIcon } from './pages';

const icons: Record<PageIcon, LucideIcon> = {
  overview: LayoutDashboard,
  servers: Server,
  groups: SquareStack,
  tools: Wrench,
  playground: FlaskConical,
  calls: ScrollText,
  keys: KeyRound,
  users: Users,
  limits: Gauge,
  secrets: LockKeyhole,
  'sign-in': LogIn,
  roles: ShieldCheck,
  audit: FileClock,
};

export interface NavProps {
  blocks: readonly { label: string; pages: readonly NavEntry[] }[];
  /** Icons only. */
  collapsed?: boolean;
  onNavigate?: () => void;
}

export function Nav({ blocks, collapsed = false, onNavigate }: NavProps) {
  return (
    <nav aria-label="Pages" className="flex flex-col gap-4 p-2">
      {blocks.map((block) => (
        <div key={block.label}>
          <h2 className={collapsed ? 'sr-only' : 'px-2 pb-1 text-caption text-muted-foreground'}>{block.label}</h2>
          <ul className="flex flex-col gap-0.5">
            {block.pages.map((page) => (
              <li key={page.href}>
                <NavLink page={page} collapsed={collapsed} onNavigate={onNavigate} />
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}

function NavLink({ page, collapsed, onNavigate }: { page: NavEntry; collapsed: boolean; onNavigate?: () => void }) {
  const path = usePathname();
  const current = page.href === '/' ? path === '/' : path === page.href || path.startsWith(`${page.href}/`);
  const Icon = icons[page.icon];
  const link = (
    <Link
      href={page.href}
      onClick={onNavigate}
      aria-current={current ? 'page' : undefined}
      aria-label={collapsed ? page.label : undefined}
      className={cn(
        'flex h-8 items-center gap-2.5 rounded-control px-2 text-table hover:bg-accent',
        current ? 'bg-accent font-medium text-foreground' : 'text-muted-foreground hover:text-foreground',
        collapsed && 'justify-center',
      )}
    >
      <Icon aria-hidden className="size-4 shrink-0" strokeWidth={current ? 2 : 1.75} />
      {!collapsed && page.label}
    </Link>
  );
  return collapsed ? (
    <Tooltip content={page.label} side="right">
      {link}
    </Tooltip>
  ) : (
    link
  );
}
