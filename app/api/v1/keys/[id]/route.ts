import { refuseOthers, route } from '@/app/_server';
import { revokeKey } from '@/lib/access';

export const DELETE = route(({ ctx, param }) => revokeKey(ctx, param('id')));

export const { GET, PATCH, POST, PUT } = refuseOthers('DELETE');
