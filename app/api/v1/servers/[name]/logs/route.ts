import { z } from 'zod';
import { refuseOthers, route, worker } from '@/app/_server';
import { requireServerLogs } from '@/lib/servers';

const query = z.strictObject({
  /** Lines with a higher `seq`; from the oldest line in memory unless told. */
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(1000).default(200),
});

export const GET = route(
  async ({ ctx, param, query: { after, limit } }) => {
    const { id } = await requireServerLogs(ctx, param('name'));
    const { lines, dropped } = await worker().call('servers.logs', { id, after, limit });
    return { data: lines, dropped, nextCursor: null };
  },
  { query },
);

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
