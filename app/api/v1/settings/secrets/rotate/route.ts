import { refuseOthers, route, worker } from '@/app/_server';
import { requireSecretsRotation } from '@/lib/access';

/** The worker does it and writes the audit row; it goes on when the caller leaves. */
export const POST = route(async ({ ctx }) => worker().call('secrets.rotate', requireSecretsRotation(ctx)));

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
