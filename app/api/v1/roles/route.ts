import { z } from 'zod';
import { pageOf, pageQuery, refuseOthers, route, versioned } from '@/app/_server';
import { createRole, listRoles } from '@/lib/access';
import { roleInputSchema } from '@/lib/access/schema';

export const GET = route(async (call) => pageOf(call, 'roles', await listRoles(call.ctx)), {
  query: z.strictObject(pageQuery),
});

export const POST = route(
  async ({ ctx, body }) => {
    const response = versioned(await createRole(ctx, body), 201);
    response.headers.set('location', `/api/v1/roles/${body.name}`);
    return response;
  },
  { body: roleInputSchema },
);

export const { DELETE, PATCH, PUT } = refuseOthers('GET', 'POST');
