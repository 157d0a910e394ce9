'use server';
// What the pages of roles change.
import { z } from 'zod';
import { defineAction } from '@/app/_server';
import { createRole, deleteRole, duplicateRole, updateRole } from '@/lib/access';
import { roleCopySchema, roleInputSchema, rolePatchSchema } from '@/lib/access/schema';

const named = z.strictObject({ name: z.string() });

export const createRoleAction = defineAction(roleInputSchema, createRole);

export const duplicateRoleAction = defineAction(
  z.strictObject({ source: z.string(), name: roleCopySchema.shape.name }),
  (ctx, { source, name }) => duplicateRole(ctx, source, name),
);

export const updateRoleAction = defineAction(
  named.extend({ patch: rolePatchSchema, ifVersion: z.number().int() }),
  (ctx, { name, patch, ifVersion }) => updateRole(ctx, name, patch, { ifVersion }),
);

export const deleteRoleAction = defineAction(named.extend({ ifVersion: z.number().int() }), (ctx, input) =>
  deleteRole(ctx, input.name, { ifVersion: input.ifVersion }),
);
