'use client';
// What a role may, as a table: a row per kind of thing, a column per action, and in each cell on which of them.
import { cn } from '@/app/_ui/cn';
import { Select } from '@/app/_ui/select';
import { Table, TableBody, TableHead, TableRow, Td, Th } from '@/app/_ui/table';
import type { Action, Permission, ResourceType, Scope, SinglePermission } from '@/lib/access/schema';
import type { MatrixRow } from './load';

const resourceNames: Record<ResourceType, string> = {
  server: 'Servers',
  group: 'Groups',
  tool: 'Tools',
  key: 'Keys',
  user: 'Users',
  role: 'Roles',
  call: 'Call log',
  log: 'Output of servers',
  audit: 'Audit trail',
  setting: 'Settings',
};

const actionNames: Record<Action, string> = {
  read: 'See',
  create: 'Add',
  update: 'Change',
  delete: 'Delete',
  operate: 'Start, stop',
  call: 'Call',
};
const columns = Object.keys(actionNames) as Action[];

const scopeNames: Record<Scope, string> = { own: 'own', group: 'groups', all: 'all' };

interface MatrixProps {
  rows: MatrixRow[];
  value: readonly Permission[];
  onChange?: (permissions: SinglePermission[]) => void;
}

export function PermissionMatrix({ rows, value, onChange }: MatrixProps) {
  return (
    <Table frameLabel="Permissions">
      <caption className="sr-only">What the role may do, and on which things</caption>
      <TableHead>
        <Th>
          <span className="sr-only">Kind of thing</span>
        </Th>
        {columns.map((action) => (
          <Th key={action} className="px-2">
            {actionNames[action]}
          </Th>
        ))}
      </TableHead>
      <TableBody>
        {rows.map(({ resource, cells }) => (
          <TableRow key={resource}>
            <th scope="row" className="sticky left-0 bg-card px-3 font-medium whitespace-nowrap">
              {resourceNames[resource]}
            </th>
            {columns.map((action) => {
              const cell = cells.find((each) => each.action === action);
              const held = heldScopes(value, resource, action);
              return (
                <Td key={action} className="px-1">
                  {cell ? (
                    <Cell
                      label={`${actionNames[action]}: ${resourceNames[resource]}`}
                      cell={cell}
                      held={held}
                      onChange={onChange && ((next) => onChange(withScopes(value, resource, action, next)))}
                    />
                  ) : null}
                </Td>
              );
            })}
          </TableRow>
        ))}
      </TableBody>
    </Table>
  );
}

interface CellProps {
  label: string;
  cell: MatrixRow['cells'][number];
  held: Scope[];
  onChange: ((scopes: Scope[]) => void) | undefined;
}

function Cell({ label, cell, held, onChange }: CellProps) {
  const text = held.map((scope) => scopeNames[scope]).join(' + ');
  if (!onChange) {
    return <span className={cn('whitespace-nowrap', !text && 'text-muted-foreground')}>{text || '–'}</span>;
  }
  const single = cell.scopes.map(({ scope, mayGive }) => ({
    value: scope as string,
    label: scopeNames[scope],
    disabled: !mayGive && !held.includes(scope),
  }));
  const offersBoth = ['own', 'group'].every((scope) => single.some(({ value }) => value === scope));
  const both = { value: 'own group', label: 'own + groups', disabled: single.some((each) => each.disabled) };
  const value = held.includes('all') ? 'all' : held.join(' ');
  return (
    <Select
      aria-label={label}
      className="w-full min-w-20"
      value={value}
      onChange={({ target }) => onChange(target.value.split(' ').filter(Boolean) as Scope[])}
      options={[{ value: '', label: '–' }, ...single, ...(offersBoth ? [both] : [])]}
    />
  );
}

function heldScopes(value: readonly Permission[], resource: ResourceType, action: Action): Scope[] {
  const held = value.filter(
    (each) => (each.resource === '*' || each.resource === resource) && (each.action === '*' || each.action === action),
  );
  const all: Scope[] = ['own', 'group', 'all'];
  const scopes = all.filter((scope) => held.some((each) => each.scope === scope));
  return scopes.includes('all') ? ['all'] : scopes;
}

export function isSingle(permission: Permission): permission is SinglePermission {
  return permission.resource !== '*' && permission.action !== '*';
}

function withScopes(value: readonly Permission[], resource: ResourceType, action: Action, scopes: Scope[]) {
  const others = value.filter(isSingle).filter((each) => each.resource !== resource || each.action !== action);
  return [...others, ...scopes.map((scope) => ({ resource, action, scope }))];
}
