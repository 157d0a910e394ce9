import { ifVersion, refuseOthers, route, versioned } from '@/app/_server';
import { deleteServer, getServer, updateServer } from '@/lib/servers';
import { serverPatchSchema } from '@/lib/servers/schema';
import { withOneStatus } from '../status';

export const GET = route(async ({ ctx, param }) => versioned(await withOneStatus(await getServer(ctx, param('name')))));

export const PATCH = route(
  async ({ ctx, param, body, request }) => {
    const server = await updateServer(ctx, param('name'), body, { ifVersion: ifVersion(request) });
    return versioned(await withOneStatus(server));
  },
  { body: serverPatchSchema },
);

export const DELETE = route(({ ctx, param, request }) =>
  deleteServer(ctx, param('name'), { ifVersion: ifVersion(request) }),
);

export const { POST, PUT } = refuseOthers('GET', 'PATCH', 'DELETE');
