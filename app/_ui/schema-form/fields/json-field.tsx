'use client';
import { useState } from 'react';
import { Field } from '../../field';
import { Textarea } from '../../input';
import { getAt, parseJson } from '../model/json';
import { draftAt, setAt } from '../model/state';
import { type FieldOf, useFieldState, useFormScope } from './scope';

/** For what no widget can express: its JSON. */
export function JsonField({ node, path, label, required }: FieldOf<'json'>) {
  const hint = [node.description, node.reason].filter(Boolean).join(' ');
  return <JsonEditor path={path} label={label} hint={hint} required={required} rows={4} />;
}

export interface JsonEditorProps {
  path: FieldOf<'json'>['path'];
  label: string;
  hint?: string;
  required: boolean;
  rows: number;
}

export function JsonEditor({ path, label, hint, required, rows }: JsonEditorProps) {
  const { state, edit } = useFormScope();
  const { pointer, fault, draft, leave } = useFieldState(path);
  const value = getAt(state.value, path);
  const canonical = value === undefined ? '' : JSON.stringify(value, null, 2);
  const [typed, setTyped] = useState(canonical);
  const parsed = parseJson(typed);
  const isTyped = 'value' in parsed && JSON.stringify(parsed.value) === JSON.stringify(value);
  const text = draft ? draft.text : isTyped ? typed : canonical;

  function change(next: string) {
    setTyped(next);
    const result = next.trim() === '' ? { value: undefined } : parseJson(next);
    edit((before) =>
      'fault' in result
        ? draftAt(before, path, { text: next, message: result.fault })
        : setAt(before, path, result.value),
    );
  }

  return (
    <Field label={label} hint={hint} error={fault} required={required} optional={!required}>
      {(control) => (
        <Textarea
          {...control}
          data-pointer={pointer}
          rows={rows}
          spellCheck={false}
          className="font-mono"
          value={text}
          onChange={(event) => change(event.target.value)}
          onBlur={leave}
        />
      )}
    </Field>
  );
}
