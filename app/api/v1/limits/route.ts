import { z } from 'zod';
import { ifVersion, pageOf, pageQuery, refuseOthers, route, versioned } from '@/app/_server';
import { listLimits, removeLimit, setLimit } from '@/lib/limits';
import { limitInputSchema, limitRefSchema } from '@/lib/limits/schema';

export const GET = route(async (call) => pageOf(call, 'limits', await listLimits(call.ctx)), {
  query: z.strictObject(pageQuery),
});

export const PUT = route(
  async ({ ctx, body, request }) => versioned(await setLimit(ctx, body, { ifVersion: ifVersion(request) })),
  { body: limitInputSchema },
);

export const DELETE = route(({ ctx, query, request }) => removeLimit(ctx, query, { ifVersion: ifVersion(request) }), {
  query: limitRefSchema,
});

export const { PATCH, POST } = refuseOthers('GET', 'PUT', 'DELETE');
