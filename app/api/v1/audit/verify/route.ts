import { refuseOthers, route } from '@/app/_server';
import { verifyAudit } from '@/lib/telemetry';

export const GET = route(({ ctx }) => verifyAudit(ctx));

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
