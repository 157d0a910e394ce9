import { z } from 'zod';
import { pageOf, pageQuery, refuseOthers, route, versioned } from '@/app/_server';
import { createGroup, listGroups } from '@/lib/servers';
import { groupInputSchema } from '@/lib/servers/schema';

export const GET = route(async (call) => pageOf(call, 'groups', await listGroups(call.ctx)), {
  query: z.strictObject(pageQuery),
});

export const POST = route(
  async ({ ctx, body }) => {
    const response = versioned(await createGroup(ctx, body), 201);
    response.headers.set('location', `/api/v1/groups/${body.name}`);
    return response;
  },
  { body: groupInputSchema },
);

export const { DELETE, PATCH, PUT } = refuseOthers('GET', 'POST');
