import { refuseOthers, route, sentActor, whileSignedIn, worker } from '@/app/_server';
import { toolCallInputSchema } from '@/lib/servers/schema';

/** The worker asks the policy and writes the call log, as for every call; closing the request cancels the call. */
export const POST = route(
  async ({ ctx, body, request }) => {
    const { requestId } = ctx;
    const answer = await whileSignedIn(ctx, request.signal, (signal) =>
      worker().call('tools.call', { actor: sentActor(ctx.actor), requestId, ...body }, { signal }),
    );
    return { ...answer, requestId };
  },
  { body: toolCallInputSchema },
);

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
