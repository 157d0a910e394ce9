'use client';
// The parameters of a tool: each is shown as it is or in other words, has a default, is fixed, or is hidden.
import { Pencil } from 'lucide-react';
import { useState } from 'react';
import { Badge } from '@/app/_ui/badge';
import { Button } from '@/app/_ui/button';
import { Input, Textarea } from '@/app/_ui/input';
import { Select } from '@/app/_ui/select';
import { asItIs, choicesOf, isText, type Parameter, type ParameterValue, textOf } from './overlay-values';

export interface ParameterFieldsProps {
  parameters: readonly Parameter[];
  required: ReadonlySet<string>;
  values: Record<string, ParameterValue>;
  /** By name. */
  faultOf: (name: string) => string | null;
  onChange: (name: string, value: ParameterValue) => void;
}

const modes = [
  { value: 'shown', label: 'Shown' },
  { value: 'default', label: 'Default' },
  { value: 'fixed', label: 'Fixed' },
  { value: 'hidden', label: 'Hidden' },
] as const;

export function ParameterFields({ parameters, required, values, faultOf, onChange }: ParameterFieldsProps) {
  return (
    <fieldset className="flex flex-col gap-1.5">
      <legend className="mb-1.5 text-table font-medium">Parameters</legend>
      {parameters.length === 0 ? (
        <p className="text-table text-muted-foreground">This tool takes none.</p>
      ) : (
        <ul className="hairlines rounded-panel border border-border">
          {parameters.map((parameter) => (
            <Row
              key={parameter.name}
              parameter={parameter}
              isRequired={required.has(parameter.name)}
              value={values[parameter.name] ?? asItIs}
              fault={faultOf(parameter.name)}
              onChange={(value) => onChange(parameter.name, value)}
            />
          ))}
        </ul>
      )}
      <p className="text-caption font-normal text-muted-foreground">
        A default is filled in where a caller leaves it out. What is fixed or hidden is not in the schema, and what a
        caller sends for it is dropped.
      </p>
    </fieldset>
  );
}

interface RowProps {
  parameter: Parameter;
  isRequired: boolean;
  value: ParameterValue;
  fault: string | null;
  onChange: (value: ParameterValue) => void;
}

function Row({ parameter, isRequired, value, fault, onChange }: RowProps) {
  const { name, schema, isGone } = parameter;
  const hasValue = value.mode === 'default' || value.mode === 'fixed';
  const faultId = `fault-of-${name}`;
  const choices = choicesOf(parameter);
  const isDescribable = value.mode === 'shown' || value.mode === 'default';
  const [isDescribing, setIsDescribing] = useState(value.description !== '');
  const own = typeof schema.description === 'string' ? schema.description : '';
  const about = {
    'aria-label': `Value of ${name}`,
    'aria-invalid': fault ? (true as const) : undefined,
    'aria-describedby': fault ? faultId : undefined,
    value: value.text,
  };
  return (
    <li className="flex flex-col gap-1.5 px-3 py-2">
      <div className="flex flex-wrap items-center gap-x-2 gap-y-1.5">
        <span className="min-w-0 flex-1 basis-40">
          <span className="flex flex-wrap items-center gap-x-2">
            <code className="font-mono text-[0.75rem] font-medium break-all">{name}</code>
            <span className="text-caption font-normal text-muted-foreground">{typeOf(schema)}</span>
            {isRequired && <Badge>required</Badge>}
            {isGone && <Badge tone="warn">gone</Badge>}
          </span>
          {own !== '' && <span className="line-clamp-2 text-caption font-normal text-muted-foreground">{own}</span>}
        </span>
        {isDescribable && !isDescribing && (
          <Button
            size="icon-sm"
            aria-label={`Describe ${name} in other words`}
            title={`Describe ${name} in other words`}
            onClick={() => setIsDescribing(true)}
          >
            <Pencil aria-hidden />
          </Button>
        )}
        <Select
          aria-label={`${name} is`}
          className="w-28"
          value={value.mode}
          onChange={({ target }) => onChange({ ...value, mode: target.value as ParameterValue['mode'] })}
          options={modes}
        />
      </div>
      {isDescribable && isDescribing && (
        <Textarea
          aria-label={`Description of ${name}`}
          rows={2}
          autoFocus={value.description === ''}
          placeholder={own || 'As it is'}
          value={value.description}
          onChange={({ target }) => onChange({ ...value, description: target.value })}
        />
      )}
      {hasValue &&
        (choices ? (
          <Select
            {...about}
            onChange={({ target }) => onChange({ ...value, text: target.value })}
            options={[
              { value: '', label: 'Choose a value' },
              ...choices.map((each) => ({ value: textOf(each, parameter), label: textOf(each, parameter) })),
            ]}
          />
        ) : (
          <Input
            {...about}
            autoComplete="off"
            spellCheck={false}
            className="font-mono text-[0.75rem]"
            placeholder={isText(parameter) ? 'Text' : 'JSON, for example 10 or ["a", "b"]'}
            onChange={({ target }) => onChange({ ...value, text: target.value })}
          />
        ))}
      {fault && (
        <p id={faultId} role="alert" className="text-caption text-bad first-letter:uppercase">
          {fault}
        </p>
      )}
    </li>
  );
}

function typeOf({ type }: Record<string, unknown>): string {
  if (Array.isArray(type)) return type.join(' or ');
  return typeof type === 'string' ? type : '';
}
