import { ifVersion, readDocument, refuseOthers, route, versioned } from '@/app/_server';
import { documentRequestMaxBytes } from '@/lib/openapi/schema';
import { deleteServer, getServer, updateServer } from '@/lib/servers';
import { serverPatchSchema } from '@/lib/servers/schema';
import { withOneStatus } from '../status';

export const GET = route(async ({ ctx, param }) =>
  versioned(await withOneStatus(ctx, await getServer(ctx, param('name')))),
);

export const PATCH = route(
  async ({ ctx, param, body, request }) => {
    const check = { ifVersion: ifVersion(request) };
    const server = await updateServer(ctx, param('name'), body, check, readDocument);
    return versioned(await withOneStatus(ctx, server));
  },
  { body: serverPatchSchema, maxBytes: documentRequestMaxBytes },
);

export const DELETE = route(({ ctx, param, request }) =>
  deleteServer(ctx, param('name'), { ifVersion: ifVersion(request) }),
);

export const { POST, PUT } = refuseOthers('GET', 'PATCH', 'DELETE');
