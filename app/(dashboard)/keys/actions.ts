'use server';
// What the pages of keys change.
import { z } from 'zod';
import { defineAction } from '@/app/_server';
import { createKey, revokeKey, rotateKey } from '@/lib/access';
import { keyInputSchema, keyRotationSchema } from '@/lib/access/schema';

export const createKeyAction = defineAction(keyInputSchema, createKey);

export const revokeKeyAction = defineAction(z.strictObject({ id: z.string() }), (ctx, { id }) => revokeKey(ctx, id));

export const rotateKeyAction = defineAction(keyRotationSchema.extend({ id: z.string() }), (ctx, { id, ...input }) =>
  rotateKey(ctx, id, input),
);
