import { refuseOthers, route } from '@/app/_server';
import { deleteServerConnection } from '@/lib/credentials';

export const DELETE = route(({ ctx, param }) => deleteServerConnection(ctx, param('name'), param('id')));

export const { GET, PATCH, POST, PUT } = refuseOthers('DELETE');
