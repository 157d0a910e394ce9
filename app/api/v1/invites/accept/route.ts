import { acceptInvite, refuseOthers, route } from '@/app/_server';
import { inviteAcceptSchema } from '@/lib/access/schema';

export const POST = route(({ ctx, body }) => acceptInvite(ctx, body), {
  body: inviteAcceptSchema,
  status: 201,
  anonymous: true,
});

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
