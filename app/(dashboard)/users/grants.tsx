'use client';
// Which roles and groups somebody gets. What the visitor may not give is shown and cannot be ticked.
import type { UserContext } from './load';

export interface Grants {
  roles: string[];
  groups: string[];
}

export interface GrantFieldsProps {
  value: Grants;
  around: UserContext;
  /** What is there already: it may stay although it could not be given. */
  kept?: Grants;
  readOnly?: boolean;
  /** By JSON Pointer. */
  faults?: Record<string, string>;
  onChange: (value: Grants) => void;
}

export function GrantFields({ value, around, kept, readOnly, faults = {}, onChange }: GrantFieldsProps) {
  const faultOf = (kind: string) => Object.entries(faults).find(([pointer]) => pointer.startsWith(`/${kind}`))?.[1];
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      <Choices
        legend="Roles"
        empty="You may not see roles."
        items={around.roles}
        chosen={value.roles}
        kept={kept?.roles}
        readOnly={readOnly}
        fault={faultOf('roles')}
        onChange={(roles) => onChange({ ...value, roles })}
      />
      <Choices
        legend="Groups"
        empty="There are no groups yet."
        items={around.groups}
        chosen={value.groups}
        kept={kept?.groups}
        readOnly={readOnly}
        fault={faultOf('groups')}
        onChange={(groups) => onChange({ ...value, groups })}
      />
    </div>
  );
}

interface ChoicesProps {
  legend: string;
  empty: string;
  items: readonly { name: string; description?: string; givable: boolean }[];
  chosen: readonly string[];
  kept?: readonly string[] | undefined;
  readOnly?: boolean | undefined;
  fault?: string | undefined;
  onChange: (chosen: string[]) => void;
}

function Choices({ legend, empty, items, chosen, kept = [], readOnly, fault, onChange }: ChoicesProps) {
  return (
    <fieldset className="min-w-0">
      <legend className="mb-1 text-table font-medium">{legend}</legend>
      {items.length === 0 && <p className="text-table text-muted-foreground">{empty}</p>}
      <div className="flex max-h-60 flex-col gap-1 overflow-y-auto">
        {items.map(({ name, description, givable }) => (
          <label key={name} className="flex items-start gap-2 py-0.5 text-table" title={description}>
            <input
              type="checkbox"
              className="mt-0.5 size-4 shrink-0 accent-primary"
              checked={chosen.includes(name)}
              disabled={readOnly || !(givable || kept.includes(name))}
              onChange={({ target }) =>
                onChange(target.checked ? [...chosen, name] : chosen.filter((each) => each !== name))
              }
            />
            <span className="min-w-0 break-words">
              {name}
              {!givable && !readOnly && <span className="ml-1.5 text-muted-foreground">not yours to give</span>}
            </span>
          </label>
        ))}
      </div>
      {fault && (
        <p role="alert" className="text-caption text-bad first-letter:uppercase">
          {fault}
        </p>
      )}
    </fieldset>
  );
}
