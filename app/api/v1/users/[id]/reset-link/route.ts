import { refuseOthers, route } from '@/app/_server';
import { createResetLink } from '@/lib/access';

export const POST = route(({ ctx, param }) => createResetLink(ctx, param('id')), { status: 201 });

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
