import { z } from 'zod';
import { pageOf, pageQuery, refuseOthers, route } from '@/app/_server';
import { createInvite, listInvites } from '@/lib/access';
import { inviteInputSchema } from '@/lib/access/schema';

export const GET = route(async (call) => pageOf(call, 'invites', await listInvites(call.ctx)), {
  query: z.strictObject(pageQuery),
});

export const POST = route(({ ctx, body }) => createInvite(ctx, body), { body: inviteInputSchema, status: 201 });

export const { DELETE, PATCH, PUT } = refuseOthers('GET', 'POST');
