// The state behind one form: a value that Form and JSON edit alike, and drafts, i.e. texts that are no value yet.
// All changes are pure functions.
import { getAt, type Json, type Path, pointerOf, unsafeInteger, withAt } from './json';
import type { Check, Checker, Fault } from './validate';

export interface Draft {
  text: string;
  message: string;
}

export interface FormState {
  value: Json | undefined;
  /** By JSON Pointer. While a draft stands there, the value is not what the person sees. */
  drafts: ReadonlyMap<string, Draft>;
}

export function formState(value: Json | undefined): FormState {
  return { value, drafts: new Map() };
}

/** @param next undefined leaves the field out */
export function setAt(state: FormState, path: Path, next: Json | undefined): FormState {
  return { value: withAt(state.value, path, next), drafts: draftsOutside(state, path) };
}

/** Keeps a text that is no value, and why; the field itself is left out meanwhile. */
export function draftAt(state: FormState, path: Path, draft: Draft): FormState {
  const { value, drafts } = setAt(state, path, undefined);
  return { value, drafts: new Map(drafts).set(pointerOf(path), draft) };
}

export function insertItem(state: FormState, path: Path, item: Json): FormState {
  const items = getAt(state.value, path);
  return { ...state, value: withAt(state.value, path, [...(Array.isArray(items) ? items : []), item]) };
}

/** Drafts inside the list are let go: their places move. */
export function removeItem(state: FormState, path: Path, index: number): FormState {
  const items = getAt(state.value, path);
  if (!Array.isArray(items)) return state;
  return setAt(state, path, items.toSpliced(index, 1));
}

export function moveItem(state: FormState, path: Path, from: number, to: number): FormState {
  const items = getAt(state.value, path);
  if (!Array.isArray(items) || to < 0 || to >= items.length) return state;
  const moved = [...items];
  moved.splice(to, 0, ...moved.splice(from, 1));
  return setAt(state, path, moved);
}

/** Renames a property in its place; an existing one of that name is not overwritten. */
export function renameKey(state: FormState, path: Path, from: string, to: string): FormState {
  const object = getAt(state.value, path);
  if (typeof object !== 'object' || object === null || Array.isArray(object) || Object.hasOwn(object, to)) return state;
  const entries = Object.entries(object).map(([key, value]) => [key === from ? to : key, value] as const);
  return setAt(state, path, Object.fromEntries(entries));
}

/** What is wrong now: drafts first, then what the schema says of the rest. */
export function checkForm(state: FormState, check: Checker): Check {
  const { faults, unusable } = check(state.value);
  const drafts: Fault[] = [...state.drafts].map(([pointer, { message }]) => ({ pointer, message }));
  return { faults: [...drafts, ...faults.filter(({ pointer }) => !state.drafts.has(pointer))], unusable };
}

export type Parsed = { value: Json | undefined } | { draft: Draft };

/** A person's number. @returns undefined as value for an empty text */
export function parseNumber(text: string, integer: boolean): Parsed {
  const trimmed = text.trim();
  if (trimmed === '') return { value: undefined };
  const refuse = (message: string): Parsed => ({ draft: { text, message } });
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed)) return refuse('This is not a number.');
  const value = Number(trimmed);
  if (!Number.isFinite(value)) return refuse('This number is too large.');
  if (integer && !Number.isInteger(value)) return refuse('This must be a whole number.');
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return refuse(unsafeInteger);
  return { value };
}

function draftsOutside({ drafts }: FormState, path: Path): ReadonlyMap<string, Draft> {
  if (drafts.size === 0) return drafts;
  const pointer = pointerOf(path);
  return new Map([...drafts].filter(([place]) => place !== pointer && !place.startsWith(`${pointer}/`)));
}
