import type { Metadata } from 'next';
import { cache, context, worker } from '@/app/_server';
import { listKeys } from '@/lib/access';
import { canSome } from '@/lib/access/can';
import { listDrift, listOpen } from '@/lib/servers';
import { listCalls, recentOverview } from '@/lib/telemetry';
import { OverviewView } from './_overview/overview-view';
import { loadServers, serverRights } from './servers/load';

export const metadata: Metadata = { title: 'Overview' };

export default async function OverviewPage() {
  const ctx = await context();
  const [servers, figures, open, drift, calls, keys, stats] = await Promise.all([
    loadServers(ctx),
    recentOverview(ctx, cache()),
    listOpen(ctx),
    listDrift(ctx),
    canSome(ctx.actor, 'read', 'call') ? listCalls(ctx, { limit: 10 }) : { data: [] },
    canSome(ctx.actor, 'read', 'key') ? listKeys(ctx) : [],
    worker()
      .call('hub.stats', {}, { signal: AbortSignal.timeout(1_500) })
      .catch(() => null),
  ]);
  return (
    <OverviewView
      servers={servers}
      hub={{ ...figures, open, drift, worker: stats }}
      calls={calls.data}
      connected={keys.some((key) => key.lastUsedAt !== null)}
      rights={{ ...serverRights(ctx.actor), connect: canSome(ctx.actor, 'create', 'key') }}
    />
  );
}
