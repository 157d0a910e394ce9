import { refuseOthers, route, settings } from '@/app/_server';
import { openApiDocument } from './document';

export const GET = route(async () => openApiDocument(settings().MCPHUB_PUBLIC_URL), { anonymous: true });

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
