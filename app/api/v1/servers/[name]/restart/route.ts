import { route, versioned } from '@/app/_server';
import { restartServer } from '@/lib/servers';
import { withOneStatus } from '../../status';

export const POST = route(async ({ ctx, param }) =>
  versioned(await withOneStatus(await restartServer(ctx, param('name')))),
);
