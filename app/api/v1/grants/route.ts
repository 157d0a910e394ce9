import { z } from 'zod';
import { pageOf, pageQuery, refuseOthers, route } from '@/app/_server';
import { listGrants } from '@/lib/access';

export const GET = route(async (call) => pageOf(call, 'grants', await listGrants(call.ctx, call.query.user)), {
  query: z.strictObject({ ...pageQuery, user: z.uuid().optional() }),
});

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
