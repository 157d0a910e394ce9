import { refuseOthers, route, worker } from '@/app/_server';
import { requireSignIn } from '@/lib/credentials';
import { beginInputSchema } from '@/lib/credentials/schema';

export const POST = route(
  async ({ ctx, param, body }) => {
    const { url } = await worker().call('credentials.begin', await requireSignIn(ctx, param('name'), body));
    return { url };
  },
  { body: beginInputSchema },
);

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
