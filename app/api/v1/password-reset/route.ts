import { refuseOthers, route } from '@/app/_server';
import { resetPassword } from '@/lib/access';
import { passwordResetSchema } from '@/lib/access/schema';

export const POST = route(({ ctx, body }) => resetPassword(ctx, body), { body: passwordResetSchema, anonymous: true });

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
