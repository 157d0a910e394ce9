import { refuseOthers, route } from '@/app/_server';
import { rotateKey } from '@/lib/access';
import { keyRotationSchema } from '@/lib/access/schema';

export const POST = route(({ ctx, param, body }) => rotateKey(ctx, param('id'), body), {
  body: keyRotationSchema,
  status: 201,
});

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
