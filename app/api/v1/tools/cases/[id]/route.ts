import { ifVersion, refuseOthers, route, versioned } from '@/app/_server';
import { deleteCase, getCase, updateCase } from '@/lib/quality';
import { searchCasePatchSchema } from '@/lib/quality/schema';

export const GET = route(async ({ ctx, param }) => versioned(await getCase(ctx, param('id'))));

export const PATCH = route(
  async ({ ctx, param, body, request }) =>
    versioned(await updateCase(ctx, param('id'), body, { ifVersion: ifVersion(request) })),
  { body: searchCasePatchSchema },
);

export const DELETE = route(({ ctx, param, request }) =>
  deleteCase(ctx, param('id'), { ifVersion: ifVersion(request) }),
);

export const { POST, PUT } = refuseOthers('GET', 'PATCH', 'DELETE');
