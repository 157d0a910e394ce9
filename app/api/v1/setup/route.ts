import { refuseOthers, route, setUp } from '@/app/_server';
import { setupInputSchema } from '@/lib/access/schema';

export const POST = route(({ ctx, body }) => setUp(ctx, body), {
  body: setupInputSchema,
  status: 201,
  anonymous: true,
});

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
