import { refuseOthers, route } from '@/app/_server';
import { removeOwnSecondFactor } from '@/lib/access';
import { ownerProofSchema } from '@/lib/access/schema';

/** Not DELETE, because it may take the password. */
export const POST = route(({ ctx, body }) => removeOwnSecondFactor(ctx, body), { body: ownerProofSchema });

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
