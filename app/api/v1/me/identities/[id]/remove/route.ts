import { refuseOthers, route, waysIn } from '@/app/_server';
import { unlinkIdentity } from '@/lib/access';
import { identityProofSchema } from '@/lib/access/external/schema';

/** Not DELETE, because it may take the password. */
export const POST = route(({ ctx, param, body }) => unlinkIdentity(ctx, param('id'), body, waysIn()), {
  body: identityProofSchema,
});

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
