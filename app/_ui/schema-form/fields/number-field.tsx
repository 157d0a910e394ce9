'use client';
import { useState } from 'react';
import { Field } from '../../field';
import { Input } from '../../input';
import { getAt } from '../model/json';
import { draftAt, parseNumber, setAt } from '../model/state';
import { type FieldOf, useFieldState, useFormScope } from './scope';

/** A text field: `type=number` would lose what cannot be parsed, and change on a turn of the mouse wheel. */
export function NumberField({ node, path, label, required }: FieldOf<'number'>) {
  const { state, edit } = useFormScope();
  const { pointer, fault, draft, leave } = useFieldState(path);
  const value = getAt(state.value, path);
  // "1." and "1.0" are the number 1: while the text means what is stored it stays as it was typed.
  const [typed, setTyped] = useState('');
  const parsed = parseNumber(typed, node.integer);
  const isTyped = 'value' in parsed && parsed.value === (value ?? undefined);
  const text = draft ? draft.text : isTyped ? typed : typeof value === 'number' ? String(value) : '';

  function change(next: string) {
    setTyped(next);
    const result = parseNumber(next, node.integer);
    edit((before) => ('draft' in result ? draftAt(before, path, result.draft) : setAt(before, path, result.value)));
  }

  return (
    <Field
      label={label}
      hint={hintOf(node)}
      error={fault}
      required={required}
      optional={!required && typeof path.at(-1) !== 'number'}
    >
      {(control) => (
        <Input
          {...control}
          data-pointer={pointer}
          inputMode={node.integer ? 'numeric' : 'decimal'}
          autoComplete="off"
          className="figures"
          placeholder={typeof node.schema.default === 'number' ? String(node.schema.default) : undefined}
          value={text}
          onChange={(event) => change(event.target.value)}
          onBlur={leave}
        />
      )}
    </Field>
  );
}

function hintOf({ schema, description }: FieldOf<'number'>['node']): string | undefined {
  const low = schema.minimum ?? schema.exclusiveMinimum;
  const high = schema.maximum ?? schema.exclusiveMaximum;
  const range =
    typeof low === 'number' && typeof high === 'number'
      ? `${low} to ${high}.`
      : typeof low === 'number'
        ? `At least ${low}.`
        : typeof high === 'number'
          ? `At most ${high}.`
          : null;
  return [description, range].filter(Boolean).join(' ') || undefined;
}
