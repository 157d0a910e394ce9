import { z } from 'zod';
import { pageOf, pageQuery, refuseOthers, route } from '@/app/_server';
import { createKey, listKeys } from '@/lib/access';
import { keyInputSchema } from '@/lib/access/schema';

export const GET = route(async (call) => pageOf(call, 'keys', await listKeys(call.ctx)), {
  query: z.strictObject(pageQuery),
});

export const POST = route(({ ctx, body }) => createKey(ctx, body), { body: keyInputSchema, status: 201 });

export const { DELETE, PATCH, PUT } = refuseOthers('GET', 'POST');
