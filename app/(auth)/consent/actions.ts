'use server';
// The answer to what an MCP client asks.
import { z } from 'zod';
import { decideConsent, defineAction } from '@/app/_server';

export const decideConsentAction = defineAction(
  z.strictObject({ id: z.string().min(1).max(128), userId: z.uuid(), allow: z.boolean() }),
  decideConsent,
);
