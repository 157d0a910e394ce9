import { listAnswer, refuseOthers, route } from '@/app/_server';
import { listCalls } from '@/lib/telemetry';
import { callQuerySchema } from '@/lib/telemetry/schema';

export const GET = route(
  async ({ ctx, query, request }) => {
    const { data, nextCursor } = await listCalls(ctx, query);
    return listAnswer(request, data, nextCursor);
  },
  { query: callQuerySchema },
);

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
