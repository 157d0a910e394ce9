import { z } from 'zod';
import { pageOf, pageQuery, refuseOthers, route } from '@/app/_server';
import { listSessions, revokeOtherSessions } from '@/lib/access';

export const GET = route(async (call) => pageOf(call, 'sessions', await listSessions(call.ctx, call.param('id'))), {
  query: z.strictObject(pageQuery),
});

export const DELETE = route(({ ctx, param }) => revokeOtherSessions(ctx, param('id')));

export const { PATCH, POST, PUT } = refuseOthers('GET', 'DELETE');
