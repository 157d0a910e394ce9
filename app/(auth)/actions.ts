'use server';
// Signing in and out, and the first setup.
import { z } from 'zod';
import { defineAction, setUp, signInWithCode, signInWithPassword, signOut } from '@/app/_server';
import { codeInputSchema, setupInputSchema, signInSchema } from '@/lib/access/schema';

export const signInAction = defineAction(signInSchema, signInWithPassword, { anonymous: true });

export const signInCodeAction = defineAction(codeInputSchema, signInWithCode, { anonymous: true });

export const setUpAction = defineAction(setupInputSchema, setUp, { anonymous: true });

export const signOutAction = defineAction(z.strictObject({}), signOut, { anonymous: true });
