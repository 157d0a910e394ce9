import { refuseOthers, route } from '@/app/_server';
import { requireConfigTest } from '@/lib/servers';
import { serverInputSchema } from '@/lib/servers/schema';
import { runTest } from '../servers/[name]/test/run';

export const POST = route(async ({ ctx, body, request }) => runTest(ctx, request, await requireConfigTest(ctx, body)), {
  body: serverInputSchema,
});

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
