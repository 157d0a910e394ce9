// What the pages of users need beside the users: what may be given, and what the visitor may do.
import { type Ctx, canGive, canSome, listRoles } from '@/lib/access';
import { can } from '@/lib/access/can';
import { listGroups } from '@/lib/servers';

export interface UserContext {
  rights: { create: boolean; update: boolean; delete: boolean };
  /** Names of roles and groups; `givable`: whether the visitor may give it. */
  roles: { name: string; description: string; givable: boolean }[];
  groups: { name: string; givable: boolean }[];
  /** Id of the visitor. */
  self: string | null;
}

export async function loadUserContext(ctx: Ctx): Promise<UserContext> {
  const { actor } = ctx;
  const mayAll = (action: 'create' | 'update' | 'delete') => can(actor, action, { type: 'user' });
  const [roles, groups] = await Promise.all([
    can(actor, 'read', { type: 'role' }) ? listRoles(ctx) : [],
    canSome(actor, 'read', 'group') ? listGroups(ctx) : [],
  ]);
  return {
    rights: { create: mayAll('create'), update: mayAll('update'), delete: mayAll('delete') },
    roles: roles.map(({ name, description, permissions }) => ({
      name,
      description,
      givable: canGive(actor, permissions),
    })),
    groups: groups.map((group) => ({
      name: group.name,
      givable: can(actor, 'update', { type: 'group', groups: [{ id: group.id, name: group.name }] }),
    })),
    self: actor.userId,
  };
}
