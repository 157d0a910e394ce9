import { keyring, refuseOthers, route } from '@/app/_server';
import { confirmSecondFactor } from '@/lib/access';
import { factorConfirmSchema } from '@/lib/access/schema';

export const POST = route(({ ctx, body }) => confirmSecondFactor(ctx, body, { keyring: keyring() }), {
  body: factorConfirmSchema,
});

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
