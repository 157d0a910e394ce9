import { refuseOthers, route, versioned } from '@/app/_server';
import { restartServer } from '@/lib/servers';
import { withOneStatus } from '../../status';

export const POST = route(async ({ ctx, param }) =>
  versioned(await withOneStatus(ctx, await restartServer(ctx, param('name')))),
);

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
