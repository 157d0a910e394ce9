import { z } from 'zod';
import { pageOf, pageQuery, readDocument, refuseOthers, route, versioned } from '@/app/_server';
import { documentRequestMaxBytes } from '@/lib/openapi/schema';
import { createServer, listServers } from '@/lib/servers';
import { serverInputSchema } from '@/lib/servers/schema';
import { withOneStatus, withStatus } from './status';

export const GET = route(
  async (call) => pageOf(call, 'servers', await withStatus(call.ctx, await listServers(call.ctx))),
  {
    query: z.strictObject(pageQuery),
  },
);

export const POST = route(
  async ({ ctx, body }) => {
    const response = versioned(await withOneStatus(ctx, await createServer(ctx, body, readDocument)), 201);
    response.headers.set('location', `/api/v1/servers/${body.name}`);
    return response;
  },
  { body: serverInputSchema, maxBytes: documentRequestMaxBytes },
);

export const { DELETE, PATCH, PUT } = refuseOthers('GET', 'POST');
