'use client';
// A form made of a JSON Schema. Form and JSON edit one value; all texts of the schema are shown as text.
import { useMemo, useState } from 'react';
import { cn } from '../cn';
import { Notice } from '../notice';
import { JsonEditor } from './fields/json-field';
import { NodeField } from './fields/node-field';
import { type FormScope, FormScopeProvider } from './fields/scope';
import type { SchemaFormModel } from './use-schema-form';

export interface SchemaFormProps {
  form: SchemaFormModel;
  /** Names the whole value for screen readers: "Arguments". */
  label: string;
  /** Shown instead of a form when there is nothing to enter. */
  emptyText: string;
}

export function SchemaForm({ form, label, emptyText }: SchemaFormProps) {
  const { schema, state, edit, check, showsAll, mode } = form;
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const scope = useMemo<FormScope>(
    () => ({
      root: schema,
      state,
      edit,
      faultAt: (pointer) =>
        showsAll || left.has(pointer) || state.drafts.has(pointer)
          ? (check.faults.find((fault) => fault.pointer === pointer)?.message ?? null)
          : null,
      leave: (pointer) => setLeft((before) => (before.has(pointer) ? before : new Set(before).add(pointer))),
    }),
    [schema, state, edit, check, showsAll, left],
  );
  const isEmpty = typeof schema === 'object' && schema !== null && hasNothingToEnter(schema as Record<string, unknown>);

  return (
    <FormScopeProvider value={scope}>
      <div className="flex flex-col gap-4">
        <ModeSwitch form={form} label={label} />
        {check.unusable && (
          <Notice
            tone="warn"
            title="The server's schema cannot be checked here; the server will check what is sent."
            cause={check.unusable}
          />
        )}
        {showsAll && check.faults.length > 0 && <FaultSummary form={form} />}
        {mode === 'json' ? (
          <JsonEditor path={[]} label={label} required rows={12} />
        ) : isEmpty ? (
          <p className="text-table text-muted-foreground">{emptyText}</p>
        ) : (
          <NodeField schema={schema} path={[]} name={label} required depth={0} />
        )}
      </div>
    </FormScopeProvider>
  );
}

function ModeSwitch({ form, label }: { form: SchemaFormModel; label: string }) {
  if (form.jsonOnly) {
    return <p className="text-table text-muted-foreground">This schema is too large for a form: enter the JSON.</p>;
  }
  return (
    <fieldset className="flex self-start rounded-control border border-input/60 p-0.5">
      <legend className="sr-only">Edit {label} as</legend>
      {(['form', 'json'] as const).map((mode) => (
        <label
          key={mode}
          className={cn(
            'flex h-6 cursor-pointer items-center rounded-[0.25rem] px-2.5 text-caption has-focus-visible:outline-2 has-focus-visible:outline-ring',
            form.mode === mode ? 'bg-accent text-foreground' : 'text-muted-foreground hover:text-foreground',
          )}
        >
          <input
            type="radio"
            name={`mode-${label}`}
            className="sr-only"
            checked={form.mode === mode}
            // A broken text in the JSON view belongs to no field: it has to be mended there.
            disabled={mode === 'form' && form.state.drafts.has('')}
            onChange={() => form.setMode(mode)}
          />
          {mode === 'form' ? 'Form' : 'JSON'}
        </label>
      ))}
    </fieldset>
  );
}

function FaultSummary({ form }: { form: SchemaFormModel }) {
  return (
    <div role="alert" className="rounded-panel bg-bad-soft px-3 py-2.5 text-table text-bad">
      <p className="font-medium">
        {form.check.faults.length === 1
          ? 'One thing is not right yet'
          : `${form.check.faults.length} things are not right yet`}
      </p>
      <ul className="mt-1 flex flex-col gap-0.5">
        {form.check.faults.map(({ pointer, message }) => (
          <li key={`${pointer} ${message}`}>
            <button
              type="button"
              className="min-h-6 text-left underline-offset-2 hover:underline"
              onClick={() => focusField(pointer)}
            >
              <code className="font-mono">{pointer || '/'}</code> {message}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function focusField(pointer: string): void {
  const place = document.querySelector<HTMLElement>(`[data-pointer="${CSS.escape(pointer)}"]`);
  const control = place?.matches('input, select, textarea, button')
    ? place
    : place?.querySelector<HTMLElement>('input, select, textarea, button');
  control?.focus();
}

function hasNothingToEnter(schema: Record<string, unknown>): boolean {
  const { properties, additionalProperties, $ref, allOf, anyOf, oneOf } = schema;
  const isOpen =
    typeof additionalProperties === 'object' || [$ref, allOf, anyOf, oneOf].some((each) => each !== undefined);
  return !isOpen && schema.type === 'object' && Object.keys(properties ?? {}).length === 0;
}
