import { z } from 'zod';
import { pageOf, pageQuery, refuseOthers, route } from '@/app/_server';
import { listServerConnections } from '@/lib/credentials';

export const GET = route(
  async (call) => pageOf(call, 'server-connections', await listServerConnections(call.ctx, call.param('name'))),
  { query: z.strictObject(pageQuery) },
);

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
