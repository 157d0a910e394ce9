import { refuseOthers, route } from '@/app/_server';
import { revokeGrant } from '@/lib/access';

export const DELETE = route(({ ctx, param }) => revokeGrant(ctx, param('id')));

export const { GET, PATCH, POST, PUT } = refuseOthers('DELETE');
