'use client';
// Where this page stands, from its path.
import Link from 'next/link';
import { usePathname } from 'next/navigation';

const names: Record<string, string> = {
  servers: 'Servers',
  groups: 'Groups',
  tools: 'Tools',
  playground: 'Playground',
  calls: 'Calls',
  audit: 'Audit',
  keys: 'Keys',
  limits: 'Limits',
  secrets: 'Secrets',
  users: 'Users',
  account: 'Account',
  roles: 'Roles',
  connect: 'Connect a client',
  settings: 'Settings',
  'sign-in': 'Sign-in',
  quality: 'Quality of the search',
};

/** What is below them are pages, not names that somebody gave. */
const withPages: ReadonlySet<string> = new Set(['settings', 'tools']);

/** Folders without a page of their own. */
const pageless: ReadonlySet<string> = new Set(['/settings']);

function nameOf(segment: string): string {
  // The page itself says whose id it is.
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(segment)) return 'Details';
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

export function Breadcrumb() {
  const segments = usePathname().split('/').filter(Boolean);
  const crumbs =
    segments.length === 0
      ? [{ href: '/', label: 'Overview' }]
      : segments.map((segment, index) => ({
          href: `/${segments.slice(0, index + 1).join('/')}`,
          label: ((index === 0 || withPages.has(segments[0] ?? '')) && names[segment]) || nameOf(segment),
        }));
  return (
    <nav aria-label="Breadcrumb" className="min-w-0">
      <ol className="flex min-w-0 items-center gap-1.5 text-table">
        {crumbs.map(({ href, label }, index) => {
          const last = index === crumbs.length - 1;
          return (
            <li key={href} className={last ? 'min-w-0 truncate font-medium' : 'shrink-0 text-muted-foreground'}>
              {last ? (
                <span aria-current="page">{label}</span>
              ) : (
                <>
                  {pageless.has(href) ? (
                    label
                  ) : (
                    <Link href={href} className="hover:text-foreground hover:underline">
                      {label}
                    </Link>
                  )}
                  <span aria-hidden className="pl-1.5">
                    /
                  </span>
                </>
              )}
            </li>
          );
        })}
      </ol>
    </nav>
  );
}
