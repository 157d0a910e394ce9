import { z } from 'zod';
import { pageOf, pageQuery, refuseOthers, route } from '@/app/_server';
import { listUsers } from '@/lib/access';

export const GET = route(async (call) => pageOf(call, 'users', await listUsers(call.ctx)), {
  query: z.strictObject(pageQuery),
});

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
