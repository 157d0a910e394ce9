import { refuseOthers, route } from '@/app/_server';
import { removeSecondFactor } from '@/lib/access';

export const DELETE = route(({ ctx, param }) => removeSecondFactor(ctx, param('id')));

export const { GET, PATCH, POST, PUT } = refuseOthers('DELETE');
