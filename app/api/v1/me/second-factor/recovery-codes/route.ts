import { refuseOthers, route } from '@/app/_server';
import { renewRecoveryCodes } from '@/lib/access';
import { ownerProofSchema } from '@/lib/access/schema';

export const POST = route(({ ctx, body }) => renewRecoveryCodes(ctx, body), { body: ownerProofSchema });

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
