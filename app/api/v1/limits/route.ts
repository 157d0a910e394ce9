import { z } from 'zod';
import { pageOf, pageQuery, refuseOthers, route } from '@/app/_server';
import { listLimits, removeLimit, setLimit } from '@/lib/limits';
import { limitInputSchema, limitRefSchema } from '@/lib/limits/schema';

export const GET = route(async (call) => pageOf(call, 'limits', await listLimits(call.ctx)), {
  query: z.strictObject(pageQuery),
});

export const PUT = route(({ ctx, body }) => setLimit(ctx, body), { body: limitInputSchema });

export const DELETE = route(({ ctx, query }) => removeLimit(ctx, query), { query: limitRefSchema });

export const { PATCH, POST } = refuseOthers('GET', 'PUT', 'DELETE');
