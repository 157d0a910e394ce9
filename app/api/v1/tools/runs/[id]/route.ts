import { refuseOthers, route } from '@/app/_server';
import { getRun } from '@/lib/quality';
import { runQuerySchema } from '@/lib/quality/schema';

export const GET = route(({ ctx, param, query }) => getRun(ctx, param('id'), query), { query: runQuerySchema });

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
