import { z } from 'zod';
import { pageOf, pageQuery, refuseOthers, route } from '@/app/_server';
import { listGroupTools } from '@/lib/servers';

export const GET = route(
  async (call) => pageOf(call, 'group-tools', await listGroupTools(call.ctx, call.param('name'))),
  { query: z.strictObject(pageQuery) },
);

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
