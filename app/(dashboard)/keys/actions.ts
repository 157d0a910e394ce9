'use server';
// What the pages of keys change.
import { z } from 'zod';
import { defineAction } from '@/app/_server';
import { createKey, revokeKey } from '@/lib/access';
import { keyInputSchema } from '@/lib/access/schema';

export const createKeyAction = defineAction(keyInputSchema, createKey);

export const revokeKeyAction = defineAction(z.strictObject({ id: z.string() }), (ctx, { id }) => revokeKey(ctx, id));
