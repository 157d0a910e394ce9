import { ifVersion, refuseOthers, route, versioned } from '@/app/_server';
import { toolListPatchSchema } from '@/lib/routing/schema';
import { getRootToolList, setRootToolList } from '@/lib/servers';

export const GET = route(async ({ ctx }) => versioned(await getRootToolList(ctx)));

export const PATCH = route(
  async ({ ctx, body, request }) => versioned(await setRootToolList(ctx, body, { ifVersion: ifVersion(request) })),
  { body: toolListPatchSchema },
);

export const { DELETE, POST, PUT } = refuseOthers('GET', 'PATCH');
