'use client';
import type { ChangeEvent } from 'react';
import { Field, type FieldControl } from '../../field';
import { Input, Textarea } from '../../input';
import { getAt } from '../model/json';
import { setAt } from '../model/state';
import { type FieldOf, useFieldState, useFormScope } from './scope';

const inputTypes = { text: 'text', date: 'date', email: 'email', url: 'url', secret: 'password' } as const;

export function TextField({ node, path, label, required }: FieldOf<'string'>) {
  const { state, edit } = useFormScope();
  const { pointer, fault, leave } = useFieldState(path);
  const value = getAt(state.value, path);
  const text = typeof value === 'string' ? value : '';
  // Nothing typed in an optional field means: not sent. A row of a list is always sent.
  const isRow = typeof path.at(-1) === 'number';
  const set = (next: string) =>
    edit((before) => setAt(before, path, next === '' && !required && !isRow ? undefined : next));
  const shared = (control: FieldControl) => ({
    ...control,
    'data-pointer': pointer,
    onBlur: leave,
    placeholder: exampleOf(node.schema),
  });

  return (
    <Field label={label} hint={<Hint node={node} />} error={fault} required={required} optional={!required && !isRow}>
      {(control) => {
        if (node.input === 'long')
          return <Textarea {...shared(control)} rows={5} value={text} onChange={(event) => set(event.target.value)} />;
        if (node.input === 'date-time')
          return (
            <Input
              {...shared(control)}
              type="datetime-local"
              step={1}
              value={toLocal(text)}
              onChange={(event) => set(fromLocal(event.target.value))}
            />
          );
        if (node.input === 'base64')
          return (
            <input
              {...control}
              data-pointer={pointer}
              type="file"
              className="text-table file:mr-3 file:h-8 file:rounded-control file:border file:border-input file:bg-card file:px-3"
              onChange={async (event) => set(await readBase64(event))}
            />
          );
        return (
          <Input
            {...shared(control)}
            type={inputTypes[node.input]}
            autoComplete="off"
            spellCheck={false}
            value={text}
            onChange={(event) => set(event.target.value)}
          />
        );
      }}
    </Field>
  );
}

function Hint({ node }: Pick<FieldOf<'string'>, 'node'>) {
  const zone =
    node.input === 'date-time' && `Your time zone (${Intl.DateTimeFormat().resolvedOptions().timeZone}); sent as UTC.`;
  if (!node.description && !zone) return null;
  return (
    <span className="whitespace-pre-line">
      {node.description}
      {node.description && zone && ' '}
      {zone}
    </span>
  );
}

/** An optional default is shown, not sent. */
function exampleOf({ default: fallback, examples }: { [key: string]: unknown }): string | undefined {
  const shown = fallback ?? (Array.isArray(examples) ? examples[0] : undefined);
  return typeof shown === 'string' || typeof shown === 'number' ? String(shown) : undefined;
}

function toLocal(text: string): string {
  const time = Date.parse(text);
  if (Number.isNaN(time)) return '';
  const offsetMs = new Date(time).getTimezoneOffset() * 60_000;
  return new Date(time - offsetMs).toISOString().slice(0, 19);
}

function fromLocal(local: string): string {
  const time = new Date(local).getTime();
  return Number.isNaN(time) ? '' : new Date(time).toISOString();
}

async function readBase64(event: ChangeEvent<HTMLInputElement>): Promise<string> {
  const file = event.target.files?.[0];
  if (!file) return '';
  const url = await new Promise<string>((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
  return url.slice(url.indexOf(',') + 1);
}
