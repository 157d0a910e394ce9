'use client';
import { ArrowDown, ArrowUp, Plus, X } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button } from '../../button';
import { cn } from '../../cn';
import { newItem } from '../model/initial';
import { getAt, type Json } from '../model/json';
import { nodeOf } from '../model/node';
import { insertItem, moveItem, removeItem } from '../model/state';
import { GroupFrame } from './group-frame';
import { NodeField } from './node-field';
import { type FieldOf, useFieldState, useFormScope } from './scope';

/** A list of rows, or a tuple: rows of fixed meaning, perhaps with more behind them. */
export function ListField({ node, path, label, required, depth }: FieldOf<'array' | 'tuple'>) {
  const { root, state, edit } = useFormScope();
  const { fault } = useFieldState(path);
  const value = getAt(state.value, path);
  const items = Array.isArray(value) ? value : [];
  const fixed = node.kind === 'tuple' ? node.items : [];
  const more = node.kind === 'tuple' ? node.rest : node.items;
  const schemaAt = (index: number): Json => fixed[index] ?? more ?? true;
  // The buttons stand beside a single control, but at the head of a row that holds several.
  const isGroup = (schema: Json) =>
    ['object', 'array', 'tuple', 'variants'].includes(nodeOf(root, schema, depth + 1).kind);

  return (
    <GroupFrame label={label} description={node.description} fault={fault} optional={!required}>
      {items.map((_item, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a row is its place in the list
        <div key={index} className={isGroup(schemaAt(index)) ? 'relative' : 'flex items-end gap-1'}>
          <div className="min-w-0 flex-1">
            <NodeField
              schema={schemaAt(index)}
              path={[...path, index]}
              name={`${label} ${index + 1}`}
              required
              depth={depth + 1}
            />
          </div>
          {index >= fixed.length && (
            <div className={cn('flex', isGroup(schemaAt(index)) && 'absolute top-0 right-0')}>
              <RowButton
                label={`Move ${index + 1} up`}
                disabled={index <= fixed.length}
                onPress={() => edit((before) => moveItem(before, path, index, index - 1))}
              >
                <ArrowUp aria-hidden />
              </RowButton>
              <RowButton
                label={`Move ${index + 1} down`}
                disabled={index === items.length - 1}
                onPress={() => edit((before) => moveItem(before, path, index, index + 1))}
              >
                <ArrowDown aria-hidden />
              </RowButton>
              <RowButton
                label={`Remove ${index + 1}`}
                onPress={() => edit((before) => removeItem(before, path, index))}
              >
                <X aria-hidden />
              </RowButton>
            </div>
          )}
        </div>
      ))}
      {(more !== null || items.length < fixed.length) && (
        <Button
          size="sm"
          className="self-start"
          onClick={() => edit((before) => insertItem(before, path, newItem(root, schemaAt(items.length), depth + 1)))}
        >
          <Plus aria-hidden />
          Add row
        </Button>
      )}
    </GroupFrame>
  );
}

interface RowButtonProps {
  label: string;
  disabled?: boolean;
  onPress: () => void;
  children: ReactNode;
}

function RowButton({ label, disabled, onPress, children }: RowButtonProps) {
  return (
    <Button variant="ghost" size="icon" aria-label={label} title={label} disabled={disabled} onClick={onPress}>
      {children}
    </Button>
  );
}
