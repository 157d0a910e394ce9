import { refuseOthers, route } from '@/app/_server';
import { revokeInvite } from '@/lib/access';

export const DELETE = route(({ ctx, param }) => revokeInvite(ctx, param('id')));

export const { GET, PATCH, POST, PUT } = refuseOthers('DELETE');
