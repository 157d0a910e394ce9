import { ifVersion, refuseOthers, route, versioned } from '@/app/_server';
import { deleteSignInRule, getSignInRule, updateSignInRule } from '@/lib/access';
import { signInRulePatchSchema } from '@/lib/access/external/schema';

export const GET = route(async ({ ctx, param }) => versioned(await getSignInRule(ctx, param('id'))));

export const PATCH = route(
  async ({ ctx, param, body, request }) =>
    versioned(await updateSignInRule(ctx, param('id'), body, { ifVersion: ifVersion(request) })),
  { body: signInRulePatchSchema },
);

export const DELETE = route(({ ctx, param, request }) =>
  deleteSignInRule(ctx, param('id'), { ifVersion: ifVersion(request) }),
);

export const { POST, PUT } = refuseOthers('GET', 'PATCH', 'DELETE');
