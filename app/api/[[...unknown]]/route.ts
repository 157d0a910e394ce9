// Paths below /api that are no route: a problem in JSON as everywhere else, not a page.
import { z } from 'zod';
import { route } from '@/app/_server';
import { HubError } from '@/lib/errors';

async function refuse(): Promise<never> {
  throw new HubError('NOT_FOUND', 'There is no such path in this API.', {
    hint: 'See /api/openapi.json for what there is.',
  });
}

const options = { query: z.unknown() };

export const GET = route(refuse, options);
export const POST = route(refuse, options);
export const PUT = route(refuse, options);
export const PATCH = route(refuse, options);
export const DELETE = route(refuse, options);
