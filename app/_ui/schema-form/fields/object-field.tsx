'use client';
import { Plus, X } from 'lucide-react';
import { useState } from 'react';
import { Button } from '../../button';
import { Input } from '../../input';
import { newItem } from '../model/initial';
import { getAt, isObject, type Json } from '../model/json';
import { renameKey, setAt } from '../model/state';
import { GroupFrame } from './group-frame';
import { NodeField } from './node-field';
import { type FieldOf, useFieldState, useFormScope } from './scope';

/** From this depth on objects start closed. */
const collapseFrom = 3;

export function ObjectField({ node, path, label, required, depth }: FieldOf<'object'>) {
  const { fault } = useFieldState(path);
  const fields = <ObjectFields node={node} path={path} depth={depth} />;
  if (path.length === 0) return <div className="flex flex-col gap-4">{fields}</div>;
  return (
    <GroupFrame
      label={label}
      description={node.description}
      fault={fault}
      optional={!required}
      collapsed={depth >= collapseFrom || undefined}
    >
      {fields}
    </GroupFrame>
  );
}

function ObjectFields({ node, path, depth }: Pick<FieldOf<'object'>, 'node' | 'path' | 'depth'>) {
  return (
    <>
      {node.properties.map((property) => (
        <NodeField
          key={property.name}
          schema={property.schema}
          path={[...path, property.name]}
          name={property.name}
          required={property.required}
          depth={depth + 1}
        />
      ))}
      {node.additional !== null && (
        <FreeProperties
          schema={node.additional}
          known={node.properties.map(({ name }) => name)}
          path={path}
          depth={depth}
        />
      )}
    </>
  );
}

interface FreePropertiesProps {
  schema: Json;
  known: string[];
  path: FieldOf<'object'>['path'];
  depth: number;
}

/** Properties whose names the person gives. */
function FreeProperties({ schema, known, path, depth }: FreePropertiesProps) {
  const { root, state, edit } = useFormScope();
  const value = getAt(state.value, path);
  const names = isObject(value) ? Object.keys(value).filter((name) => !known.includes(name)) : [];

  function add() {
    let name = 'key';
    for (let count = 2; isObject(value) && Object.hasOwn(value, name); count++) name = `key${count}`;
    edit((before) => setAt(before, [...path, name], newItem(root, schema, depth + 1)));
  }

  return (
    <>
      {names.map((name, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a row must outlive the renaming of its key
        <div key={index} className="flex items-start gap-2">
          <div className="flex min-w-0 flex-1 flex-col gap-2">
            <KeyInput name={name} onRename={(to) => edit((before) => renameKey(before, path, name, to))} />
            <NodeField schema={schema} path={[...path, name]} name={name} required depth={depth + 1} />
          </div>
          <Button
            variant="ghost"
            size="icon"
            aria-label={`Remove ${name}`}
            onClick={() => edit((before) => setAt(before, [...path, name], undefined))}
          >
            <X aria-hidden />
          </Button>
        </div>
      ))}
      <Button size="sm" className="self-start" onClick={add}>
        <Plus aria-hidden />
        Add property
      </Button>
    </>
  );
}

function KeyInput({ name, onRename }: { name: string; onRename: (to: string) => void }) {
  const [text, setText] = useState<string | null>(null);
  return (
    <Input
      aria-label="Name of the property"
      className="font-mono"
      value={text ?? name}
      onChange={(event) => setText(event.target.value)}
      onBlur={() => {
        if (text !== null && text !== name) onRename(text);
        setText(null);
      }}
    />
  );
}
