import { readDocument, refuseOthers, route } from '@/app/_server';
import { refreshServerDocument } from '@/lib/servers';

export const POST = route(({ ctx, param }) => refreshServerDocument(ctx, param('name'), readDocument));

export const { DELETE, GET, PATCH, PUT } = refuseOthers('POST');
