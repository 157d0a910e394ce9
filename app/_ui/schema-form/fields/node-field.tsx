'use client';
// One node of the schema: picks its widget. Optional parts with an inside are only made when they are wanted, which is
// also what keeps a recursive schema finite.
import { Plus, X } from 'lucide-react';
import { useMemo } from 'react';
import { Button } from '../../button';
import { initialValue, newItem } from '../model/initial';
import { getAt, type Json, type Path } from '../model/json';
import { type Node, nodeOf } from '../model/node';
import { setAt } from '../model/state';
import { BooleanField, ChoiceField } from './choice-field';
import { JsonField } from './json-field';
import { ListField } from './list-field';
import { NumberField } from './number-field';
import { ObjectField } from './object-field';
import { useFormScope } from './scope';
import { TextField } from './text-field';
import { NullableField, VariantField } from './variant-field';

export interface NodeFieldProps {
  schema: Json;
  path: Path;
  name: string;
  required: boolean;
  depth: number;
  /** The variant's frame already says name, description and whether it is optional. */
  inVariant?: boolean;
}

export function NodeField({ schema, path, name, required, depth, inVariant }: NodeFieldProps) {
  const { root, state, edit } = useFormScope();
  const node = useMemo(() => nodeOf(root, schema, depth), [root, schema, depth]);
  const label = inVariant ? name : labelOf(node, name);
  const isAbsent = getAt(state.value, path) === undefined;
  const hasInside = ['object', 'array', 'tuple', 'variants'].includes(node.kind);
  const isOptionalGroup = hasInside && !required && path.length > 0 && !inVariant;

  if (isOptionalGroup && isAbsent) {
    const add = () =>
      edit((before) => setAt(before, path, initialValue(root, schema, depth) ?? newItem(root, schema, depth)));
    return (
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <Button size="sm" onClick={add}>
          <Plus aria-hidden />
          {label}
        </Button>
        <span
          className="min-w-0 flex-1 truncate text-caption font-normal text-muted-foreground"
          title={node.description ?? undefined}
        >
          optional{node.description && `: ${node.description}`}
        </span>
      </div>
    );
  }
  const widget = (
    <Widget node={node} path={path} label={label} required={required || Boolean(inVariant)} depth={depth} />
  );
  if (!isOptionalGroup) return widget;
  return (
    <div className="relative">
      {widget}
      <Button
        variant="ghost"
        size="icon-sm"
        className="absolute top-0 right-0"
        aria-label={`Leave out ${label}`}
        title={`Leave out ${label}`}
        onClick={() => edit((before) => setAt(before, path, undefined))}
      >
        <X aria-hidden />
      </Button>
    </div>
  );
}

interface WidgetProps {
  node: Node;
  path: Path;
  label: string;
  required: boolean;
  depth: number;
}

function Widget({ node, ...rest }: WidgetProps) {
  switch (node.kind) {
    case 'string':
      return <TextField node={node} {...rest} />;
    case 'number':
      return <NumberField node={node} {...rest} />;
    case 'boolean':
      return <BooleanField node={node} {...rest} />;
    case 'choice':
      return <ChoiceField node={node} {...rest} />;
    case 'nullable':
      return <NullableField node={node} {...rest} />;
    case 'null':
      return <ChoiceField node={{ ...node, kind: 'choice', choices: [{ label: 'null', value: null }] }} {...rest} />;
    case 'object':
      return <ObjectField node={node} {...rest} />;
    case 'array':
    case 'tuple':
      return <ListField node={node} {...rest} />;
    case 'variants':
      return <VariantField node={node} {...rest} />;
    case 'json':
      return <JsonField node={node} {...rest} />;
  }
}

function labelOf(node: Node, name: string): string {
  return node.title && node.title.toLowerCase() !== name.toLowerCase() ? `${node.title} (${name})` : name;
}
