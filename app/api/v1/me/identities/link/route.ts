import { beginLink, refuseOthers, route } from '@/app/_server';
import { linkStartSchema } from '@/lib/access/external/schema';

/** The next sign-in of this browser at the provider links what is proved there. */
export const POST = route(({ ctx, body }) => beginLink(ctx, body), { body: linkStartSchema });

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
