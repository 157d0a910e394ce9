import { ifVersion, refuseOthers, route, versioned } from '@/app/_server';
import { getToolOverlay, removeToolOverlay, setToolOverlay } from '@/lib/servers';
import { groupOverlaySchema } from '@/lib/servers/curation/schema';

const refOf = (param: (name: string) => string) => ({
  group: param('name'),
  server: param('server'),
  tool: param('tool'),
});

export const GET = route(async ({ ctx, param }) => versioned(await getToolOverlay(ctx, refOf(param))));

export const PUT = route(
  async ({ ctx, param, body, request }) =>
    versioned(await setToolOverlay(ctx, refOf(param), body, { ifVersion: ifVersion(request) })),
  { body: groupOverlaySchema },
);

export const DELETE = route(({ ctx, param, request }) =>
  removeToolOverlay(ctx, refOf(param), { ifVersion: ifVersion(request) }),
);

export const { PATCH, POST } = refuseOthers('GET', 'PUT', 'DELETE');
