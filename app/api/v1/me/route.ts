import { route } from '@/app/_server';
import { describeActor } from '@/lib/access';

export const GET = route(async ({ ctx }) => describeActor(ctx.actor));
