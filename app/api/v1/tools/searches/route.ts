import { listAnswer, refuseOthers, route } from '@/app/_server';
import { listSearches } from '@/lib/quality';
import { searchesQuerySchema } from '@/lib/quality/schema';

export const GET = route(async ({ ctx, query, request }) => listAnswer(request, await listSearches(ctx, query), null), {
  query: searchesQuerySchema,
});

export const { DELETE, PATCH, POST, PUT } = refuseOthers('GET');
