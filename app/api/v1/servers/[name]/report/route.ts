import { refuseOthers, route } from '@/app/_server';
import { getServerReport } from '@/lib/servers';
import { lifeOf } from './life';

export const GET = route(({ ctx, param }) => getServerReport(ctx, param('name'), lifeOf));

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
