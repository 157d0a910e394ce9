'use server';
// What the page of limits changes.
import { defineAction } from '@/app/_server';
import { removeLimit, setLimit } from '@/lib/limits';
import { limitInputSchema, limitRefSchema } from '@/lib/limits/schema';

export const setLimitAction = defineAction(limitInputSchema, setLimit);

export const removeLimitAction = defineAction(limitRefSchema, removeLimit);
