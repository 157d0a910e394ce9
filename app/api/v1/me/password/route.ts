import { changePassword, refuseOthers, route } from '@/app/_server';
import { passwordChangeSchema } from '@/lib/access/schema';

export const POST = route(({ ctx, body }) => changePassword(ctx, body), { body: passwordChangeSchema });

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
