import { refuseOthers, route } from '@/app/_server';
import { requireServerTest } from '@/lib/servers';
import { serverTestInputSchema } from '@/lib/servers/schema';
import { runTest } from './run';

/** Without a body, or with an empty one, the server is tested as it is saved. */
export const POST = route(
  async ({ ctx, param, body, request }) =>
    runTest(ctx, request, await requireServerTest(ctx, param('name'), body?.patch)),
  { body: serverTestInputSchema.optional() },
);

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
