import { refuseOthers, route, sentActor, whileSignedIn, worker } from '@/app/_server';
import { toolSearchSchema } from '@/lib/routing/schema';

/** The worker ranks, and finds only what its lists show to the same actor. */
export const POST = route(
  ({ ctx, body, request }) =>
    whileSignedIn(ctx, request.signal, (signal) =>
      worker().call('tools.search', { actor: sentActor(ctx.actor), search: body }, { signal }),
    ),
  { body: toolSearchSchema },
);

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
