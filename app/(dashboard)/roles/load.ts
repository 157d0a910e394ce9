// What the pages of roles need beside the roles: what a role can hold, and what of it the visitor may give.
import { canGive, canSome } from '@/lib/access';
import type { Ctx } from '@/lib/access/context';
import { type Action, grantable, type ResourceType, resources, type Scope } from '@/lib/access/schema';

/** One row of the matrix. */
export interface MatrixRow {
  resource: ResourceType;
  cells: { action: Action; scopes: { scope: Scope; mayGive: boolean }[] }[];
}

export interface RoleContext {
  matrix: MatrixRow[];
  rights: { create: boolean; update: boolean; delete: boolean };
}

export function loadRoleContext({ actor }: Ctx): RoleContext {
  const matrix = resources.map((resource) => ({
    resource,
    cells: (Object.entries(grantable[resource]) as [Action, readonly Scope[]][]).map(([action, scopes]) => ({
      action,
      scopes: scopes.map((scope) => ({ scope, mayGive: canGive(actor, [{ resource, action, scope }]) })),
    })),
  }));
  return {
    matrix,
    rights: {
      create: canSome(actor, 'create', 'role'),
      update: canSome(actor, 'update', 'role'),
      delete: canSome(actor, 'delete', 'role'),
    },
  };
}
