import type { Metadata } from 'next';
import { cache, context, worker } from '@/app/_server';
import { canSome } from '@/lib/access/can';
import { listCalls, recentOverview } from '@/lib/telemetry';
import { OverviewView } from './_overview/overview-view';
import { loadServers, serverRights } from './servers/load';

export const metadata: Metadata = { title: 'Overview' };

export default async function OverviewPage() {
  const ctx = await context();
  const [servers, figures, calls, stats] = await Promise.all([
    loadServers(ctx),
    recentOverview(ctx, cache()),
    listCalls(ctx, { limit: 10 }),
    worker()
      .call('hub.stats', {}, { signal: AbortSignal.timeout(1_500) })
      .catch(() => null),
  ]);
  return (
    <OverviewView
      servers={servers}
      hub={{ ...figures, worker: stats }}
      calls={calls.data}
      rights={{ ...serverRights(ctx.actor), connect: canSome(ctx.actor, 'create', 'key') }}
    />
  );
}
