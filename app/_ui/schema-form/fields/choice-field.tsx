'use client';
import { type ReactNode, useId } from 'react';
import { Field } from '../../field';
import { Input } from '../../input';
import { Select } from '../../select';
import { Switch } from '../../switch';
import { getAt, type Json } from '../model/json';
import { draftAt, setAt } from '../model/state';
import { GroupFrame } from './group-frame';
import { type FieldOf, useFieldState, useFormScope } from './scope';

const maxRadios = 4;
const maxSelect = 20;
const notSent = 'not sent';

/** Titles are shown, values are sent: radios up to 4, a list up to 20, above that a list to search in. */
export function ChoiceField(props: FieldOf<'choice'>) {
  const { node, path, label, required } = props;
  const { state, edit } = useFormScope();
  const { pointer, fault, draft, leave } = useFieldState(path);
  const listId = useId();
  const value = getAt(state.value, path);
  const chosen = node.choices.findIndex((choice) => same(choice.value, value));
  const choose = (index: number) => edit((before) => setAt(before, path, node.choices[index]?.value));

  if (node.choices.length <= maxRadios) {
    return (
      <GroupFrame label={label} description={node.description} fault={fault} optional={!required} plain>
        <div className="flex flex-wrap gap-x-4 gap-y-1" data-pointer={pointer}>
          {!required && (
            <Radio name={listId} checked={chosen < 0} onChoose={() => choose(-1)}>
              <span className="text-muted-foreground">{notSent}</span>
            </Radio>
          )}
          {node.choices.map((choice, index) => (
            <Radio key={choice.label} name={listId} checked={index === chosen} onChoose={() => choose(index)}>
              {choice.label}
            </Radio>
          ))}
        </div>
      </GroupFrame>
    );
  }

  function search(text: string) {
    const index = node.choices.findIndex((choice) => choice.label === text);
    edit((before) =>
      index >= 0 || text === ''
        ? setAt(before, path, node.choices[index]?.value)
        : draftAt(before, path, { text, message: 'Choose one of the list.' }),
    );
  }

  return (
    <Field label={label} hint={node.description} error={fault} required={required} optional={!required}>
      {(control) =>
        node.choices.length <= maxSelect ? (
          <Select
            {...control}
            data-pointer={pointer}
            value={String(chosen)}
            onChange={(event) => choose(Number(event.target.value))}
            onBlur={leave}
            options={[
              { value: '-1', label: required ? 'Choose…' : notSent },
              ...node.choices.map((choice, index) => ({ value: String(index), label: choice.label })),
            ]}
          />
        ) : (
          <>
            <Input
              {...control}
              data-pointer={pointer}
              list={listId}
              placeholder={`Search ${node.choices.length} values`}
              value={draft?.text ?? node.choices[chosen]?.label ?? ''}
              onChange={(event) => search(event.target.value)}
              onBlur={leave}
            />
            <datalist id={listId}>
              {node.choices.map((choice) => (
                <option key={choice.label} value={choice.label} />
              ))}
            </datalist>
          </>
        )
      }
    </Field>
  );
}

/** A switch; an optional one knows a third state. */
export function BooleanField({ node, path, label, required }: FieldOf<'boolean'>) {
  const { state, edit } = useFormScope();
  const { pointer, fault, leave } = useFieldState(path);
  const value = getAt(state.value, path);
  const isRow = typeof path.at(-1) === 'number';
  const byDefault = typeof node.schema.default === 'boolean' ? ` (${node.schema.default} by default)` : '';

  return (
    <Field label={label} hint={node.description} error={fault} required={required} optional={!required && !isRow}>
      {(control) =>
        required || isRow ? (
          <Switch
            {...control}
            data-pointer={pointer}
            checked={value === true}
            onCheckedChange={(checked) => edit((before) => setAt(before, path, checked))}
          />
        ) : (
          <Select
            {...control}
            data-pointer={pointer}
            className="self-start"
            value={typeof value === 'boolean' ? String(value) : ''}
            onChange={({ target }) =>
              edit((before) => setAt(before, path, target.value === '' ? undefined : target.value === 'true'))
            }
            onBlur={leave}
            options={[
              { value: '', label: `${notSent}${byDefault}` },
              { value: 'true', label: 'true' },
              { value: 'false', label: 'false' },
            ]}
          />
        )
      }
    </Field>
  );
}

interface RadioProps {
  name: string;
  checked: boolean;
  onChoose: () => void;
  children: ReactNode;
}

function Radio({ name, checked, onChoose, children }: RadioProps) {
  return (
    <label className="flex min-h-6 items-center gap-2 text-table">
      <input type="radio" name={name} checked={checked} onChange={onChoose} className="size-4 accent-primary" />
      {children}
    </label>
  );
}

function same(a: Json, b: Json | undefined): boolean {
  return b !== undefined && JSON.stringify(a) === JSON.stringify(b);
}
