// The query of answers that come in pages.
import { z } from 'zod';

export const page = z.object({
  limit: z.number().int().min(1).max(200).default(50).optional(),
  cursor: z.string().optional().meta({ description: 'nextCursor of the page before' }),
});
