import { refuseOthers, route } from '@/app/_server';
import { revokeSession } from '@/lib/access';

export const DELETE = route(({ ctx, param }) => revokeSession(ctx, param('id'), param('session')));

export const { GET, PATCH, POST, PUT } = refuseOthers('DELETE');
