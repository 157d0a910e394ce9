import { z } from 'zod';
import { pageOf, pageQuery, refuseOthers, route } from '@/app/_server';
import { listSessions, revokeOtherSessions } from '@/lib/access';

export const GET = route(
  async (call) => pageOf(call, 'sessions', await listSessions(call.ctx, call.ctx.actor.userId ?? '')),
  { query: z.strictObject(pageQuery) },
);

export const DELETE = route(({ ctx }) => revokeOtherSessions(ctx, ctx.actor.userId ?? ''));

export const { PATCH, POST, PUT } = refuseOthers('GET', 'DELETE');
