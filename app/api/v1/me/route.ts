import { refuseOthers, route } from '@/app/_server';
import { describeActor } from '@/lib/access';

export const GET = route(async ({ ctx }) => describeActor(ctx.actor));

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
