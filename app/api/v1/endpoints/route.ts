import { refuseOthers, route, sentActor, whileSignedIn, worker } from '@/app/_server';
import { endpointQuerySchema } from '@/lib/routing/schema';

/** The worker tells what its lists show to the same actor. */
export const GET = route(
  async ({ ctx, query, request }) => {
    const { endpoints } = await whileSignedIn(ctx, request.signal, (signal) =>
      worker().call('endpoints.list', { actor: sentActor(ctx.actor), ...query }, { signal }),
    );
    return { data: endpoints, nextCursor: null };
  },
  { query: endpointQuerySchema },
);

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
