// A test in the worker: each line of the answer is the test as it is.
import { stepwise, worker } from '@/app/_server';
import type { Ctx } from '@/lib/access';
import type { Tested } from '@/lib/servers';

/** @throws HubError CONFLICT, BUSY, UNAVAILABLE before the first line; what comes later is the last line, `{error}` */
export function runTest(ctx: Ctx, request: Request, tested: Tested): Promise<unknown> {
  return stepwise(ctx, request, (options) => worker().call('servers.test', tested, options));
}
