import { refuseOthers, route } from '@/app/_server';
import { searchFigures } from '@/lib/quality';

export const GET = route(({ ctx }) => searchFigures(ctx));

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
