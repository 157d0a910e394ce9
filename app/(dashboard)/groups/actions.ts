'use server';
// What the pages of groups change.
import { z } from 'zod';
import { defineAction } from '@/app/_server';
import { createGroup, deleteGroup, updateGroup } from '@/lib/servers';
import { groupInputSchema, groupPatchSchema } from '@/lib/servers/schema';

const named = z.strictObject({ name: z.string() });

export const createGroupAction = defineAction(groupInputSchema, createGroup);

export const updateGroupAction = defineAction(
  named.extend({ patch: groupPatchSchema, ifVersion: z.number().int() }),
  (ctx, { name, patch, ifVersion }) => updateGroup(ctx, name, patch, { ifVersion }),
);

export const deleteGroupAction = defineAction(named, (ctx, { name }) => deleteGroup(ctx, name));
