import { readDocument, refuseOthers, route } from '@/app/_server';
import { getServerDocument } from '@/lib/servers';

export const GET = route(({ ctx, param }) => getServerDocument(ctx, param('name'), readDocument));

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
