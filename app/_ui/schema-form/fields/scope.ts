'use client';
// What every field of one form shares.
import { createContext, useContext } from 'react';
import { type Json, type Path, pointerOf } from '../model/json';
import type { Node } from '../model/node';
import type { Draft, FormState } from '../model/state';

export interface FormScope {
  root: Json;
  state: FormState;
  edit(change: (state: FormState) => FormState): void;
  /** The fault to show at a field, if it is time to show it. */
  faultAt(pointer: string): string | null;
  /** The person has left this field: its faults may be shown. */
  leave(pointer: string): void;
}

const FormContext = createContext<FormScope | null>(null);
export const FormScopeProvider = FormContext.Provider;

export function useFormScope(): FormScope {
  const scope = useContext(FormContext);
  if (!scope) throw new Error('a field needs a SchemaForm around it');
  return scope;
}

/** Props of every field. */
export interface FieldOf<K extends Node['kind']> {
  node: Extract<Node, { kind: K }>;
  path: Path;
  label: string;
  required: boolean;
  depth: number;
}

export interface FieldState {
  pointer: string;
  fault: string | null;
  draft: Draft | undefined;
  leave: () => void;
}

export function useFieldState(path: Path): FieldState {
  const { state, faultAt, leave } = useFormScope();
  const pointer = pointerOf(path);
  return { pointer, fault: faultAt(pointer), draft: state.drafts.get(pointer), leave: () => leave(pointer) };
}
