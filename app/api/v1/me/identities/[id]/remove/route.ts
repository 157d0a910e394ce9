import { refuseOthers, route, waysIn } from '@/app/_server';
import { unlinkIdentity } from '@/lib/access';
import { ownerProofSchema } from '@/lib/access/schema';

/** Not DELETE, because it may take the password. */
export const POST = route(({ ctx, param, body }) => unlinkIdentity(ctx, param('id'), body, waysIn()), {
  body: ownerProofSchema,
});

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
