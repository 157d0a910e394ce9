import { refuseOthers, route, versioned } from '@/app/_server';
import { stopServer } from '@/lib/servers';
import { withOneStatus } from '../../status';

export const POST = route(async ({ ctx, param }) =>
  versioned(await withOneStatus(ctx, await stopServer(ctx, param('name')))),
);

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
