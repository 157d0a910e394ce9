import { z } from 'zod';
import { pageOf, pageQuery, refuseOthers, route } from '@/app/_server';
import { listTools } from '@/lib/servers';

export const GET = route(
  async (call) => pageOf(call, 'tools', await listTools(call.ctx, { server: call.query.server })),
  { query: z.strictObject({ ...pageQuery, server: z.string().max(64).optional() }) },
);

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
