import { refuseOthers, route } from '@/app/_server';
import { revokeSession } from '@/lib/access';

export const DELETE = route(({ ctx, param }) => revokeSession(ctx, ctx.actor.userId ?? '', param('id')));

export const { GET, PATCH, POST, PUT } = refuseOthers('DELETE');
