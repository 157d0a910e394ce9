import { ifVersion, refuseOthers, route, versioned } from '@/app/_server';
import { deleteUser, getUser, updateUser } from '@/lib/access';
import { userPatchSchema } from '@/lib/access/schema';

export const GET = route(async ({ ctx, param }) => versioned(await getUser(ctx, param('id'))));

export const PATCH = route(
  async ({ ctx, param, body, request }) =>
    versioned(await updateUser(ctx, param('id'), body, { ifVersion: ifVersion(request) })),
  { body: userPatchSchema },
);

export const DELETE = route(({ ctx, param, request }) =>
  deleteUser(ctx, param('id'), { ifVersion: ifVersion(request) }),
);

export const { POST, PUT } = refuseOthers('GET', 'PATCH', 'DELETE');
