import { refuseOthers, route, sentActor, worker } from '@/app/_server';

/** Counts only what the caller's own lists hold. */
export const GET = route(({ ctx, request }) =>
  worker().call('tools.searchStatus', { actor: sentActor(ctx.actor) }, { signal: request.signal }),
);

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
