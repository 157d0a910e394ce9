import { keyring, refuseOthers, route } from '@/app/_server';
import { getSecondFactor, startSecondFactor } from '@/lib/access';
import { ownerProofSchema } from '@/lib/access/schema';

export const GET = route(({ ctx }) => getSecondFactor(ctx));

export const POST = route(({ ctx, body }) => startSecondFactor(ctx, body, { keyring: keyring() }), {
  body: ownerProofSchema,
  status: 201,
});

export const { DELETE, PATCH, PUT } = refuseOthers('GET', 'POST');
