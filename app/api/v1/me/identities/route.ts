import { refuseOthers, route, waysIn } from '@/app/_server';
import { listOwnIdentities } from '@/lib/access';

export const GET = route(({ ctx }) => listOwnIdentities(ctx, waysIn()));

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
