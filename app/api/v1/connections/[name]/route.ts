import { refuseOthers, route } from '@/app/_server';
import { deleteConnection, getConnection, setConnection } from '@/lib/credentials';
import { connectionInputSchema } from '@/lib/credentials/schema';

export const GET = route(({ ctx, param }) => getConnection(ctx, param('name')));

export const PUT = route(({ ctx, param, body }) => setConnection(ctx, param('name'), body), {
  body: connectionInputSchema,
});

export const DELETE = route(({ ctx, param }) => deleteConnection(ctx, param('name')));

export const { PATCH, POST } = refuseOthers('DELETE', 'GET', 'PUT');
