import { z } from 'zod';
import { pageOf, pageQuery, refuseOthers, route } from '@/app/_server';
import { createUser, listUsers } from '@/lib/access';
import { userInputSchema } from '@/lib/access/schema';

export const GET = route(async (call) => pageOf(call, 'users', await listUsers(call.ctx)), {
  query: z.strictObject(pageQuery),
});

export const POST = route(
  async ({ ctx, body }) => {
    const made = await createUser(ctx, body);
    return Response.json(made, { status: 201, headers: { location: `/api/v1/users/${made.user.id}` } });
  },
  { body: userInputSchema },
);

export const { DELETE, PATCH, PUT } = refuseOthers('GET', 'POST');
