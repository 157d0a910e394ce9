import { ifVersion, refuseOthers, route, versioned } from '@/app/_server';
import { deleteGroup, getGroup, updateGroup } from '@/lib/servers';
import { groupPatchSchema } from '@/lib/servers/schema';

export const GET = route(async ({ ctx, param }) => versioned(await getGroup(ctx, param('name'))));

export const PATCH = route(
  async ({ ctx, param, body, request }) =>
    versioned(await updateGroup(ctx, param('name'), body, { ifVersion: ifVersion(request) })),
  { body: groupPatchSchema },
);

export const DELETE = route(({ ctx, param, request }) =>
  deleteGroup(ctx, param('name'), { ifVersion: ifVersion(request) }),
);

export const { POST, PUT } = refuseOthers('GET', 'PATCH', 'DELETE');
