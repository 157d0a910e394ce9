import { z } from 'zod';
import { pageOf, pageQuery, refuseOthers, route, sentActor, stepwise, whileSignedIn, worker } from '@/app/_server';
import { casesToRun, listRuns, measuredCase, storeRun } from '@/lib/quality';

export const GET = route(async (call) => pageOf(call, 'search-runs', await listRuns(call.ctx)), {
  query: z.strictObject(pageQuery),
});

/** The worker measures, with the search that callers use and the rights of who asks; one that is cancelled is not kept. */
export const POST = route(async ({ ctx, request }) => {
  const rows = await casesToRun(ctx);
  return stepwise(ctx, request, async ({ signal: given, onStep }) => {
    const startedAtMs = performance.now();
    const body = { actor: sentActor(ctx.actor), cases: rows.map(measuredCase) };
    const measured = await whileSignedIn(ctx, given, (signal) =>
      worker().call('tools.measure', body, { signal, ...(onStep && { onStep }) }),
    );
    return storeRun(ctx, rows, measured, performance.now() - startedAtMs);
  });
});

export const { DELETE, PATCH, PUT } = refuseOthers('GET', 'POST');
