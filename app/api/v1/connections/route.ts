import { z } from 'zod';
import { pageOf, pageQuery, refuseOthers, route } from '@/app/_server';
import { listConnections } from '@/lib/credentials';

export const GET = route(async (call) => pageOf(call, 'connections', await listConnections(call.ctx)), {
  query: z.strictObject(pageQuery),
});

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
