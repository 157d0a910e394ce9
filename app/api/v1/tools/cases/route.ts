import { z } from 'zod';
import { pageOf, pageQuery, refuseOthers, route, versioned } from '@/app/_server';
import { createCase, listCases } from '@/lib/quality';
import { searchCaseInputSchema } from '@/lib/quality/schema';

export const GET = route(async (call) => pageOf(call, 'search-cases', await listCases(call.ctx)), {
  query: z.strictObject(pageQuery),
});

export const POST = route(
  async ({ ctx, body }) => {
    const created = await createCase(ctx, body);
    const response = versioned(created, 201);
    response.headers.set('location', `/api/v1/tools/cases/${created.id}`);
    return response;
  },
  { body: searchCaseInputSchema },
);

export const { DELETE, PATCH, PUT } = refuseOthers('GET', 'POST');
