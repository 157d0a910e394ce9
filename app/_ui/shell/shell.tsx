'use client';
// The frame of every page of the dashboard: side bar, top bar, main part.
import { Cable, Menu as MenuIcon, PanelLeft } from 'lucide-react';
import Link from 'next/link';
import { type ReactNode, useState } from 'react';
import { Button, buttonClass } from '../button';
import { cn } from '../cn';
import { basePath } from '../hub-path';
import { Sheet, SheetContent, SheetTrigger } from '../sheet';
import { Breadcrumb } from './breadcrumb';
import { Logo } from './logo';
import { Nav, type NavProps } from './nav';
import { sidebarCookie } from './sidebar-cookie';
import { ThemeSwitch } from './theme-switch';
import { UserMenu, type UserMenuProps } from './user-menu';

export interface ShellProps {
  blocks: NavProps['blocks'];
  user: string;
  onSignOut: UserMenuProps['onSignOut'];
  initiallyCollapsed: boolean;
  /** The dot that says whether updates arrive. */
  live?: ReactNode;
  /** Stands above every page, e.g. that the hub's worker does not answer. */
  banner?: ReactNode;
  children: ReactNode;
}

export function Shell({ blocks, user, onSignOut, initiallyCollapsed, live, banner, children }: ShellProps) {
  const [collapsed, setCollapsed] = useState(initiallyCollapsed);
  const [drawerOpen, setDrawerOpen] = useState(false);

  function toggle() {
    const next = !collapsed;
    setCollapsed(next);
    // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is missing over plain http
    document.cookie = `${sidebarCookie}=${next ? 'narrow' : 'wide'}; path=${basePath || '/'}; max-age=31536000; samesite=lax`;
  }

  return (
    <div className="flex min-h-dvh">
      <a
        href="#main"
        className="sr-only z-50 rounded-control bg-primary px-3 py-2 text-primary-foreground focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        Skip to the content
      </a>
      <aside
        className={cn(
          'sticky top-0 hidden h-dvh shrink-0 flex-col overflow-y-auto border-r border-border bg-background md:flex',
          collapsed ? 'w-14' : 'w-52',
        )}
      >
        <Link
          href="/"
          className="flex h-12 shrink-0 items-center gap-2 px-4 font-semibold"
          aria-label="MCPHub, overview"
        >
          <Logo />
          {!collapsed && <span>MCPHub</span>}
        </Link>
        <Nav blocks={blocks} collapsed={collapsed} />
      </aside>
      <div className="flex min-w-0 flex-1 flex-col">
        <header className="sticky top-0 z-30 flex h-12 shrink-0 items-center gap-2 border-b border-border bg-background px-4 md:px-6">
          <Sheet open={drawerOpen} onOpenChange={setDrawerOpen}>
            <SheetTrigger className={buttonClass('ghost', 'icon', '-ml-2 md:hidden')} aria-label="Open the navigation">
              <MenuIcon aria-hidden />
            </SheetTrigger>
            <SheetContent title="MCPHub" side="left">
              <Nav blocks={blocks} onNavigate={() => setDrawerOpen(false)} />
            </SheetContent>
          </Sheet>
          <span className="-ml-2 max-md:hidden">
            <Button
              variant="ghost"
              size="icon"
              onClick={toggle}
              aria-expanded={!collapsed}
              aria-label={collapsed ? 'Widen the navigation' : 'Narrow the navigation'}
            >
              <PanelLeft aria-hidden />
            </Button>
          </span>
          <Breadcrumb />
          <div className="ml-auto flex items-center gap-1">
            {live}
            <Link href="/connect" className={buttonClass('secondary', 'sm', 'mr-1')} aria-label="Connect a client">
              <Cable aria-hidden />
              <span className="max-sm:hidden">Connect a client</span>
            </Link>
            <ThemeSwitch />
            <UserMenu user={user} onSignOut={onSignOut} />
          </div>
        </header>
        {banner}
        <main id="main" tabIndex={-1} className="mx-auto w-full max-w-[90rem] flex-1 p-4 outline-none md:p-6">
          {children}
        </main>
      </div>
    </div>
  );
}
