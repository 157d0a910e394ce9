import { ifVersion, refuseOthers, route, versioned } from '@/app/_server';
import { deleteRole, getRole, updateRole } from '@/lib/access';
import { rolePatchSchema } from '@/lib/access/schema';

export const GET = route(async ({ ctx, param }) => versioned(await getRole(ctx, param('name'))));

export const PATCH = route(
  async ({ ctx, param, body, request }) =>
    versioned(await updateRole(ctx, param('name'), body, { ifVersion: ifVersion(request) })),
  { body: rolePatchSchema },
);

export const DELETE = route(({ ctx, param, request }) =>
  deleteRole(ctx, param('name'), { ifVersion: ifVersion(request) }),
);

export const { POST, PUT } = refuseOthers('GET', 'PATCH', 'DELETE');
