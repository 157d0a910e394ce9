'use server';
// What the page of limits changes.
import { z } from 'zod';
import { defineAction } from '@/app/_server';
import { removeLimit, setLimit } from '@/lib/limits';
import { limitInputSchema, limitRefSchema } from '@/lib/limits/schema';

/** Absent: whatever version there is, or none. */
const ifVersion = z.number().int().optional();

export const setLimitAction = defineAction(limitInputSchema.extend({ ifVersion }), (ctx, { ifVersion, ...input }) =>
  setLimit(ctx, input, { ifVersion }),
);

export const removeLimitAction = defineAction(limitRefSchema.extend({ ifVersion }), (ctx, { ifVersion, ...ref }) =>
  removeLimit(ctx, ref, { ifVersion }),
);
