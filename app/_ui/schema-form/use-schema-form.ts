'use client';
import { useDeferredValue, useMemo, useState } from 'react';
import { initialValue } from './model/initial';
import type { Json } from './model/json';
import { isTooLarge } from './model/node';
import { checkForm, type FormState, formState } from './model/state';
import { type Check, createChecker } from './model/validate';

export interface SchemaFormModel {
  schema: Json;
  state: FormState;
  edit(change: (state: FormState) => FormState): void;
  /** Starts anew with this value. */
  reset(value: Json | undefined): void;
  check: Check;
  /** Faults show at fields that were left; after a refused submit everywhere. */
  showsAll: boolean;
  /** Checks what stands there now and shows all faults. @returns the value if there is none */
  submit(): { value: Json } | null;
  mode: 'form' | 'json';
  setMode(mode: 'form' | 'json'): void;
  /** The schema is too large for a form. */
  jsonOnly: boolean;
}

/** The state of one form. Give the component that uses it a `key`, so that another schema begins anew. */
export function useSchemaForm(schema: Json, initial?: Json): SchemaFormModel {
  const checker = useMemo(() => createChecker(schema), [schema]);
  const jsonOnly = useMemo(() => isTooLarge(schema), [schema]);
  const [state, setState] = useState(() => formState(initial ?? initialValue(schema, schema)));
  const [showsAll, setShowsAll] = useState(false);
  const [mode, setMode] = useState<'form' | 'json'>('form');
  const settled = useDeferredValue(state);
  const check = useMemo(() => checkForm(settled, checker), [settled, checker]);

  return {
    schema,
    state,
    edit: setState,
    reset(value) {
      setState(formState(value));
      setShowsAll(false);
    },
    check,
    showsAll,
    submit() {
      setShowsAll(true);
      const { faults } = checkForm(state, checker);
      return faults.length === 0 && state.value !== undefined ? { value: state.value } : null;
    },
    mode: jsonOnly ? 'json' : mode,
    setMode,
    jsonOnly,
  };
}
