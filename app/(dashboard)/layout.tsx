// The frame of every page behind the sign-in. The pages ask again for themselves: a layout is no lock.
import { cookies } from 'next/headers';
import type { ReactNode } from 'react';
import { requireActor } from '@/app/_server';
import { LiveBanner, LiveProvider } from '@/app/_ui/live';
import { LiveDot } from '@/app/_ui/shell/live-dot';
import { navOf } from '@/app/_ui/shell/pages';
import { Shell } from '@/app/_ui/shell/shell';
import { sidebarCookie } from '@/app/_ui/shell/sidebar-cookie';
import { WorkerBanner } from '@/app/_ui/shell/worker-banner';
import { signOutAction } from '../(auth)/actions';

export default async function DashboardLayout({ children }: { children: ReactNode }) {
  const actor = await requireActor();
  const narrow = (await cookies()).get(sidebarCookie)?.value === 'narrow';

  return (
    <LiveProvider>
      <Shell
        blocks={navOf(actor)}
        user={actor.name}
        onSignOut={signOutAction}
        initiallyCollapsed={narrow}
        live={<LiveDot />}
        banner={
          <>
            <LiveBanner />
            <WorkerBanner />
          </>
        }
      >
        {children}
      </Shell>
    </LiveProvider>
  );
}
