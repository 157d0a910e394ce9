// Checks a value against its schema and says what is wrong in words at the place where a person can mend it.
import { type Schema as CheckedSchema, type OutputUnit, type SchemaDraft, Validator } from '@cfworker/json-schema';
import { isObject, type Json } from './json';

export interface Fault {
  /** JSON Pointer into the value; empty for the value as a whole. */
  pointer: string;
  message: string;
}

export interface Check {
  faults: Fault[];
  /** Set when the schema itself cannot be used: then nothing was checked. */
  unusable: string | null;
}

export type Checker = (value: Json | undefined) => Check;

/** @returns a function that checks values; it never throws */
export function createChecker(schema: Json): Checker {
  let validator: Validator;
  try {
    validator = new Validator(schema as CheckedSchema | boolean, draftOf(schema), false);
  } catch (error) {
    const unusable = messageOf(error);
    return () => ({ faults: [], unusable });
  }
  return (value) => {
    if (value === undefined) return { faults: [{ pointer: '', message: 'A value is needed.' }], unusable: null };
    try {
      const { valid, errors } = validator.validate(value);
      return { faults: valid ? [] : explain(errors), unusable: null };
    } catch (error) {
      return { faults: [], unusable: messageOf(error) };
    }
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** By `$schema`, else 2020-12, as MCP has it. */
export function draftOf(schema: Json): SchemaDraft {
  const id = isObject(schema) && typeof schema.$schema === 'string' ? schema.$schema : '';
  if (id.includes('draft-04')) return '4';
  if (id.includes('draft-06') || id.includes('draft-07')) return '7';
  if (id.includes('2019-09')) return '2019-09';
  return '2020-12';
}

/** Errors that only say that there is one further down. */
const carriers = new Set([
  'properties',
  'patternProperties',
  'additionalProperties',
  'items',
  'prefixItems',
  'additionalItems',
  'unevaluatedProperties',
  'unevaluatedItems',
  '$ref',
  '$recursiveRef',
  'allOf',
]);

function explain(errors: OutputUnit[]): Fault[] {
  const leaves = withoutForeignBranches(errors).filter((error) => !carriers.has(error.keyword));
  const shown = leaves.length > 0 ? leaves : errors.slice(0, 1);
  const faults = new Map(shown.map((error) => [`${error.instanceLocation} ${error.error}`, faultOf(error)]));
  return [...faults.values()];
}

/**
 * A failed anyOf reports the errors of all its branches. Those of the one branch that was meant help; where that is not
 * plain to see, the one sentence of the anyOf does.
 */
function withoutForeignBranches(errors: OutputUnit[]): OutputUnit[] {
  let left = errors;
  const alternatives = errors.filter((error) => error.keyword === 'anyOf' || error.keyword === 'oneOf');
  for (const { keywordLocation, instanceLocation } of alternatives) {
    const branchOf = (error: OutputUnit) =>
      error.keywordLocation.startsWith(`${keywordLocation}/`) && error.instanceLocation.startsWith(instanceLocation)
        ? (error.keywordLocation.slice(keywordLocation.length + 1).split('/')[0] ?? null)
        : null;
    const branches = new Set(left.map(branchOf).filter((branch) => branch !== null));
    const isOther = (branch: string) =>
      left.some(
        (error) =>
          branchOf(error) === branch &&
          error.instanceLocation === instanceLocation &&
          ['type', 'const', 'enum'].includes(error.keyword),
      );
    const meant = [...branches].filter((branch) => !isOther(branch));
    const [only] = meant;
    left = left.filter((error) => {
      const branch = branchOf(error);
      if (branch !== null) return meant.length === 1 && branch === only;
      const isItself = error.keywordLocation === keywordLocation && error.instanceLocation === instanceLocation;
      return !(isItself && meant.length === 1);
    });
  }
  return left;
}

const requiredPrefix = 'Instance does not have required property "';

function faultOf({ keyword, error, instanceLocation }: OutputUnit): Fault {
  const pointer = decode(instanceLocation.replace(/^#/, ''));
  if (keyword === 'required' && error.startsWith(requiredPrefix)) {
    const name = error.slice(requiredPrefix.length, -2);
    return { pointer: `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, message: 'This is required.' };
  }
  if (keyword === 'false') return { pointer, message: 'This is not allowed here.' };
  if (keyword === 'anyOf') return { pointer, message: 'This fits none of the variants.' };
  if (keyword === 'oneOf') return { pointer, message: 'This must fit exactly one of the variants.' };
  return { pointer, message: error.replaceAll('Instance type', 'The type').replaceAll('Instance', 'The value') };
}

function decode(pointer: string): string {
  try {
    return decodeURI(pointer);
  } catch {
    return pointer;
  }
}
