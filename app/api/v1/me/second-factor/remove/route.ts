import { refuseOthers, route } from '@/app/_server';
import { removeOwnSecondFactor } from '@/lib/access';
import { passwordProofSchema } from '@/lib/access/schema';

/** Not DELETE, because it takes the password. */
export const POST = route(({ ctx, body }) => removeOwnSecondFactor(ctx, body), { body: passwordProofSchema });

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
