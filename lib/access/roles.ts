// The roles that exist from the start, as data. What a role may is decided by `can` from these rows alone; roles that
// administrators add are in custom-roles.ts.
import { sql } from 'drizzle-orm';
import { roles } from '../../drizzle/schema';
import type { Db, Tx } from '../db/types';
import type { Action, Permission, ResourceType, Scope } from './schema';

export interface BuiltInRole {
  name: 'admin' | 'manager' | 'user' | 'auditor';
  description: string;
  permissions: Permission[];
}

const ownAccount = grant('user', 'own', 'read', 'update');

export const builtInRoles: readonly BuiltInRole[] = [
  {
    name: 'admin',
    description: 'May do everything.',
    permissions: [{ resource: '*', action: '*', scope: 'all' }],
  },
  {
    name: 'manager',
    description: 'Runs servers and arranges groups; may not add or change servers, because that starts programs.',
    permissions: [
      ...grant('server', 'all', 'read', 'operate'),
      ...grant('group', 'all', 'read', 'create', 'update', 'delete'),
      ...grant('tool', 'all', 'read', 'call'),
      ...grant('call', 'all', 'read'),
      ...grant('log', 'all', 'read'),
      ...grant('user', 'all', 'read'),
      ...grant('key', 'own', 'read', 'create', 'delete'),
      ...ownAccount,
    ],
  },
  {
    name: 'user',
    description: 'Uses what the own groups offer, with own keys.',
    permissions: [
      ...grant('server', 'group', 'read'),
      ...grant('group', 'group', 'read'),
      ...grant('tool', 'group', 'read', 'call'),
      ...grant('call', 'own', 'read'),
      ...grant('key', 'own', 'read', 'create', 'delete'),
      ...ownAccount,
    ],
  },
  {
    // Without the servers, groups, people, roles and keys that an entry names, nobody can judge it. Not the output of
    // servers, which may hold anything, and not the settings of the hub.
    name: 'auditor',
    description: 'Reads the call log, the audit trail and what they speak of; changes and calls nothing.',
    permissions: [
      ...grant('call', 'all', 'read'),
      ...grant('audit', 'all', 'read'),
      ...grant('server', 'all', 'read'),
      ...grant('group', 'all', 'read'),
      ...grant('tool', 'all', 'read'),
      ...grant('user', 'all', 'read'),
      ...grant('role', 'all', 'read'),
      ...grant('key', 'all', 'read'),
      ...ownAccount,
    ],
  },
];

function grant(resource: ResourceType, scope: Scope, ...actions: Action[]): Permission[] {
  return actions.map((action) => ({ resource, action, scope }));
}

/** Writes the built-in roles as they are in this version; running it again changes nothing. */
export async function seedRoles(db: Db | Tx): Promise<void> {
  await db
    .insert(roles)
    .values(builtInRoles.map((role) => ({ ...role, builtIn: true })))
    .onConflictDoUpdate({
      target: roles.name,
      set: {
        description: sql`excluded.description`,
        permissions: sql`excluded.permissions`,
        builtIn: true,
        updatedAt: new Date(),
      },
    });
}
