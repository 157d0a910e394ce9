import { listAnswer, refuseOthers, route } from '@/app/_server';
import { listAudit } from '@/lib/telemetry';
import { auditQuerySchema } from '@/lib/telemetry/schema';

export const GET = route(
  async ({ ctx, query, request }) => {
    const { data, nextCursor } = await listAudit(ctx, query);
    return listAnswer(request, data, nextCursor);
  },
  { query: auditQuerySchema },
);

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
