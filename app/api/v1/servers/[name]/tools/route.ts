import { z } from 'zod';
import { pageOf, pageQuery, refuseOthers, route } from '@/app/_server';
import { listTools } from '@/lib/servers';

export const GET = route(
  async (call) => pageOf(call, 'server-tools', await listTools(call.ctx, { server: call.param('name') })),
  { query: z.strictObject(pageQuery) },
);

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
