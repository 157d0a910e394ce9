import { z } from 'zod';
import { pageOf, pageQuery, route } from '@/app/_server';
import { listUsers } from '@/lib/access';

export const GET = route(async (call) => pageOf(call, 'users', await listUsers(call.ctx)), {
  query: z.strictObject(pageQuery),
});
