import { cache, log, refuseOthers, route, worker } from '@/app/_server';
import { canSome } from '@/lib/access';
import { listDrift, listOpen } from '@/lib/servers';
import { recentOverview } from '@/lib/telemetry';

const statsTimeoutMs = 1_000;

/** `worker` is null while the worker does not answer. Faults of the servers file are for those who may change servers. */
export const GET = route(async ({ ctx }) => {
  const [overview, open, drift] = await Promise.all([recentOverview(ctx, cache()), listOpen(ctx), listDrift(ctx)]);
  const figures = { ...overview, open, drift };
  try {
    const stats = await worker().call('hub.stats', {}, { signal: AbortSignal.timeout(statsTimeoutMs) });
    const isOperator = canSome(ctx.actor, 'operate', 'server');
    return { ...figures, worker: isOperator ? stats : { ...stats, configFaults: [], configFile: null } };
  } catch (err) {
    log().debug({ err }, 'the worker did not tell its figures');
    return { ...figures, worker: null };
  }
});

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
