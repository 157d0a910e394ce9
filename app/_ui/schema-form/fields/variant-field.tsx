'use client';
import { useId, useMemo, useRef, useState } from 'react';
import { Select } from '../../select';
import { initialValue } from '../model/initial';
import { getAt, type Json } from '../model/json';
import { setAt } from '../model/state';
import { createChecker } from '../model/validate';
import { GroupFrame } from './group-frame';
import { NodeField } from './node-field';
import { type FieldOf, useFieldState, useFormScope } from './scope';

/** One of several schemas. What was entered for a variant comes back with it. */
export function VariantField({ node, path, label, required, depth }: FieldOf<'variants'>) {
  const { root, state, edit } = useFormScope();
  const { fault, pointer } = useFieldState(path);
  const value = getAt(state.value, path);
  const first = useMemo(() => fittingVariant(root, node, value), [root, node, value]);
  const [picked, setPicked] = useState<number | null>(null);
  const kept = useRef(new Map<number, Json | undefined>());
  const active = picked ?? first;

  function pick(next: number) {
    kept.current.set(active, value);
    const schema = node.variants[next]?.schema ?? true;
    const entered = kept.current.get(next) ?? initialValue(root, schema, depth + 1);
    setPicked(next);
    edit((before) => setAt(before, path, entered));
  }

  return (
    <GroupFrame label={label} description={node.description} fault={fault} optional={!required}>
      <Select
        aria-label={`Kind of ${label}`}
        className="self-start"
        data-pointer={pointer}
        value={String(active)}
        onChange={(event) => pick(Number(event.target.value))}
        options={node.variants.map((variant, index) => ({ value: String(index), label: variant.label }))}
      />
      <NodeField
        key={active}
        schema={node.variants[active]?.schema ?? true}
        path={path}
        name={label}
        required={required}
        depth={depth + 1}
        inVariant
      />
    </GroupFrame>
  );
}

/** The first variant that the value fits, else the first. */
function fittingVariant(root: Json, node: FieldOf<'variants'>['node'], value: Json | undefined): number {
  if (value === undefined) return 0;
  const defs = typeof root === 'object' && root !== null && !Array.isArray(root) ? root : {};
  const found = node.variants.findIndex(({ schema }) => {
    const { faults, unusable } = createChecker({
      $defs: defs.$defs ?? {},
      definitions: defs.definitions ?? {},
      ...schema,
    })(value);
    return faults.length === 0 && unusable === null;
  });
  return Math.max(0, found);
}

/** Another widget, and beside it the wish to send null. */
export function NullableField({ node, path, label, required, depth }: FieldOf<'nullable'>) {
  const { root, state, edit } = useFormScope();
  const { pointer } = useFieldState(path);
  const id = useId();
  const isNull = getAt(state.value, path) === null;
  return (
    <div className="flex flex-col gap-1.5">
      {isNull ? (
        <p className="text-table font-medium">
          {label} <span className="ml-1 font-mono font-normal text-muted-foreground">null</span>
        </p>
      ) : (
        <NodeField
          schema={{ ...node.inner, ...(node.description && { description: node.description }) }}
          path={path}
          name={label}
          required={required}
          depth={depth}
        />
      )}
      <label
        htmlFor={id}
        className="flex min-h-6 items-center gap-2 self-start text-caption font-normal text-muted-foreground"
      >
        <input
          id={id}
          type="checkbox"
          data-pointer={pointer}
          className="size-4 accent-primary"
          checked={isNull}
          onChange={(event) => {
            const next = event.target.checked ? null : required ? initialValue(root, node.inner, depth) : undefined;
            edit((before) => setAt(before, path, next));
          }}
        />
        Send null
        <span className="sr-only"> as {label}</span>
      </label>
    </div>
  );
}
