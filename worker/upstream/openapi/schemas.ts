// Schema Objects of OpenAPI 3.0 and 3.1 → JSON Schema 2020-12 that stands for itself. What a schema refers to is written
// in its place while that stays small; what is large goes to `$defs`, as does what refers to itself. Beyond a budget
// the farthest parts are left open, so that every operation keeps a schema that a model can read.
import { type Document, lookUp, resolve } from './document';
import { isObject, type JsonObject } from './model';

/** Objects that are written in place before references go to `$defs`. */
const inlineNodes = 250;
/** Characters of `$defs` of one schema; a model reads about a token for each four. */
const defsChars = 32_000;
const descriptionChars = 1_000;
const maxDepth = 60;

/** What a schema is for: the server alone sets what is read-only, and never tells what is write-only. */
export type Direction = 'request' | 'response';

const types = new Set(['null', 'boolean', 'object', 'array', 'number', 'integer', 'string']);
const copied = ['title', 'default', 'format', 'contentEncoding', 'contentMediaType', 'deprecated', 'uniqueItems'];
const numeric = [
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'minLength', 'maxLength'],
  ...['minItems', 'maxItems', 'minProperties', 'maxProperties', 'minContains', 'maxContains'],
];
const single = ['additionalProperties', 'not', 'if', 'then', 'else', 'contains', 'propertyNames'];
const singleUnevaluated = ['unevaluatedProperties', 'unevaluatedItems'];
const several = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
/** All that an answer is let off from: what an API sends agrees with its document in the main, not in every detail. */
const strict = new Set([
  ...['required', 'enum', 'const', 'format', 'pattern', 'default', 'not', 'if', 'then', 'else', 'contains'],
  ...['propertyNames', 'uniqueItems', 'dependentRequired', 'dependentSchemas', ...singleUnevaluated, ...numeric],
]);

class TooLarge extends Error {}

export interface SchemaWriter {
  /** @returns the schema, and in it references to `$defs` which defs() gives */
  write(schema: unknown): JsonObject;
  defs(): JsonObject | null;
}

/** Schemas of one document. */
export class Schemas {
  private readonly direct = new Map<string, string[]>();
  private readonly recursive = new Map<string, boolean>();

  constructor(
    readonly document: Document,
    private readonly dialect: '3.0' | '3.1',
  ) {}

  /** Builds one whole schema by `make`, twice if it turns out to be large. */
  build(direction: Direction, make: (writer: SchemaWriter) => JsonObject): JsonObject {
    try {
      return this.finish(new Writer(this, direction, true), make);
    } catch (error) {
      if (!(error instanceof TooLarge)) throw error;
      return this.finish(new Writer(this, direction, false), make);
    }
  }

  private finish(writer: Writer, make: (writer: SchemaWriter) => JsonObject): JsonObject {
    const schema = make(writer);
    const $defs = writer.defs();
    return $defs ? { ...schema, $defs } : schema;
  }

  get is30(): boolean {
    return this.dialect === '3.0';
  }

  /** Whether a reference leads back to itself. */
  isRecursive(reference: string): boolean {
    const known = this.recursive.get(reference);
    if (known !== undefined) return known;
    const seen = new Set<string>();
    const open = [...this.refsOf(reference)];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      open.push(...this.refsOf(next));
    }
    this.recursive.set(reference, seen.has(reference));
    return seen.has(reference);
  }

  private refsOf(reference: string): string[] {
    const known = this.direct.get(reference);
    if (known) return known;
    const found = new Set<string>();
    collectRefs(lookUp(this.document, reference), found);
    this.direct.set(reference, [...found]);
    return [...found];
  }

  /** An object in any likelihood: `structuredContent` can be nothing else. */
  isObjectLike(schema: unknown, depth = 0): boolean {
    const at = resolve(this.document, schema);
    if (!at || depth > 10 || at.nullable === true) return false;
    if (at.type !== undefined) return at.type === 'object';
    const all = (key: string) => (Array.isArray(at[key]) ? (at[key] as unknown[]) : []);
    const any = [...all('anyOf'), ...all('oneOf')];
    if (any.length > 0) return any.every((each) => this.isObjectLike(each, depth + 1));
    return isObject(at.properties) || all('allOf').some((each) => this.isObjectLike(each, depth + 1));
  }
}

function collectRefs(value: unknown, found: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value) && typeof (value as { $ref?: unknown }).$ref === 'string') {
    found.add((value as { $ref: string }).$ref);
  }
  for (const item of Object.values(value)) collectRefs(item, found);
}

class Writer implements SchemaWriter {
  private nodes = 0;
  private readonly names = new Map<string, string>();
  private readonly waiting: string[] = [];

  constructor(
    private readonly schemas: Schemas,
    private readonly direction: Direction,
    private readonly inline: boolean,
  ) {}

  write(schema: unknown): JsonObject {
    return this.convert(schema, 0);
  }

  /** Nearest first, so that the budget is spent on what is read first. */
  defs(): JsonObject | null {
    const defs: JsonObject = {};
    let chars = 0;
    for (let reference = this.waiting.shift(); reference !== undefined; reference = this.waiting.shift()) {
      const name = this.names.get(reference) as string;
      const target = lookUp(this.schemas.document, reference);
      const made = chars < defsChars ? this.convert(target, 0) : open(target);
      chars += JSON.stringify(made).length + name.length;
      defs[name] = made;
    }
    return Object.keys(defs).length > 0 ? defs : null;
  }

  private convert(schema: unknown, depth: number): JsonObject {
    if (schema === false) return { not: {} };
    if (!isObject(schema) || depth > maxDepth) return {};
    this.nodes += 1;
    if (this.inline && this.nodes > inlineNodes) throw new TooLarge();
    if (typeof schema.$ref === 'string') return this.reference(schema as { $ref: string }, depth);
    const made: JsonObject = {};
    for (const key of Object.keys(schema)) {
      if (this.direction === 'response' && strict.has(key)) continue;
      this.keyword(key, schema, made, depth);
    }
    this.nullable(schema, made);
    return made;
  }

  private reference({ $ref, ...siblings }: { $ref: string }, depth: number): JsonObject {
    const beside = this.schemas.is30 || Object.keys(siblings).length === 0 ? {} : this.convert(siblings, depth + 1);
    const target = lookUp(this.schemas.document, $ref);
    if (!isObject(target)) return beside;
    if (this.inline && !this.schemas.isRecursive($ref)) return { ...this.convert(target, depth + 1), ...beside };
    return { $ref: `#/$defs/${this.nameOf($ref)}`, ...beside };
  }

  private nameOf(reference: string): string {
    const known = this.names.get(reference);
    if (known) return known;
    const last = reference.slice(reference.lastIndexOf('/') + 1).replace(/[^A-Za-z0-9_.-]+/g, '_') || 'Schema';
    const used = new Set(this.names.values());
    let name = last;
    for (let count = 2; used.has(name); count += 1) name = `${last}_${count}`;
    this.names.set(reference, name);
    this.waiting.push(reference);
    return name;
  }

  private keyword(key: string, schema: Record<string, unknown>, made: JsonObject, depth: number): void {
    const value = schema[key];
    const below = (each: unknown) => this.convert(each, depth + 1);
    if (key === 'type') writeType(value, made, this.direction);
    else if (key === 'description') {
      if (typeof value === 'string' && value.trim()) made.description = cut(value, descriptionChars);
    } else if (copied.includes(key)) {
      if (value !== undefined && isPlain(key, value)) made[key] = value as JsonObject;
    } else if (numeric.includes(key)) writeNumber(key, schema, made);
    else if (key === 'enum') {
      if (Array.isArray(value) && value.length > 0) made.enum = [...new Set(value)];
    } else if (key === 'const') made.const = value as JsonObject;
    else if (key === 'pattern') {
      if (typeof value === 'string' && compiles(value)) made.pattern = value;
    } else if (key === 'required') {
      if (Array.isArray(value)) made.required = this.requiredOf(value, schema.properties);
    } else if (key === 'example') {
      if (this.direction === 'request' && JSON.stringify(value)?.length < 200) made.examples = [value as JsonObject];
    } else if (key === 'examples') {
      if (this.direction === 'request' && Array.isArray(value) && JSON.stringify(value).length < 400)
        made.examples = value;
    } else if (key === 'properties') {
      if (isObject(value)) made.properties = this.propertiesOf(value, depth);
    } else if (key === 'patternProperties') {
      if (isObject(value)) {
        const legal = Object.entries(value).filter(([pattern]) => compiles(pattern));
        made.patternProperties = Object.fromEntries(legal.map(([pattern, each]) => [pattern, below(each)]));
      }
    } else if (key === 'dependentSchemas') {
      if (isObject(value))
        made.dependentSchemas = Object.fromEntries(Object.entries(value).map(([name, each]) => [name, below(each)]));
    } else if (key === 'dependentRequired') {
      if (isObject(value) && Object.values(value).every(Array.isArray)) made.dependentRequired = value as JsonObject;
    } else if (key === 'items') {
      if (Array.isArray(value)) made.prefixItems = value.map(below);
      else made.items = below(value);
    } else if (single.includes(key) || singleUnevaluated.includes(key)) {
      if (typeof value !== 'boolean') made[key] = below(value);
      else if (this.direction === 'request') made[key] = value;
    } else if (several.includes(key) && Array.isArray(value) && value.length > 0) {
      const name = key === 'oneOf' && this.direction === 'response' ? 'anyOf' : key;
      made[name] = [...((made[name] as JsonObject[] | undefined) ?? []), ...value.map(below)];
    }
  }

  private propertiesOf(properties: Record<string, unknown>, depth: number): JsonObject {
    const shown = Object.entries(properties).filter(([, each]) => !this.isHidden(each));
    return Object.fromEntries(shown.map(([name, each]) => [name, this.convert(each, depth + 1)]));
  }

  private requiredOf(names: unknown[], properties: unknown): string[] {
    const hidden = (name: string) =>
      isObject(properties) && Object.hasOwn(properties, name) && this.isHidden(properties[name]);
    return [...new Set(names.filter((name): name is string => typeof name === 'string' && !hidden(name)))];
  }

  private isHidden(property: unknown): boolean {
    const at = resolve(this.schemas.document, property);
    return at?.[this.direction === 'request' ? 'readOnly' : 'writeOnly'] === true;
  }

  /** `nullable` of 3.0; in answers everything may be null. */
  private nullable(schema: Record<string, unknown>, made: JsonObject): void {
    const isNullable = schema.nullable === true && this.schemas.is30;
    if (!isNullable && !(this.direction === 'response' && made.type !== undefined)) return;
    if (made.type === undefined) {
      if (made.enum) made.enum = [...new Set([...(made.enum as JsonObject[]), null])];
      else if (made.allOf || made.anyOf || made.oneOf) {
        const inner = { ...made };
        for (const key of Object.keys(made)) delete made[key];
        made.anyOf = [inner, { type: 'null' }];
      }
      return;
    }
    made.type = [...new Set([made.type, 'null'].flat())];
    if (made.enum) made.enum = [...new Set([...(made.enum as JsonObject[]), null])];
  }
}

function writeType(value: unknown, made: JsonObject, direction: Direction): void {
  const named = (Array.isArray(value) ? value : [value]).filter((each) => types.has(each as string)) as string[];
  const wide = direction === 'response' ? named.map((each) => (each === 'integer' ? 'number' : each)) : named;
  const unique = [...new Set(wide)];
  if (unique.length > 0) made.type = unique.length === 1 ? (unique[0] as string) : unique;
}

/** In 3.0 the exclusive limits are switches beside `minimum` and `maximum`. */
function writeNumber(key: string, schema: Record<string, unknown>, made: JsonObject): void {
  const value = schema[key];
  if (key === 'minimum' && schema.exclusiveMinimum === true) made.exclusiveMinimum = Number(value);
  else if (key === 'maximum' && schema.exclusiveMaximum === true) made.exclusiveMaximum = Number(value);
  else if (typeof value === 'number' && Number.isFinite(value)) {
    const isCount = /^(min|max)(Length|Items|Properties|Contains)$/.test(key);
    if (isCount ? Number.isInteger(value) && value >= 0 : key !== 'multipleOf' || value > 0) made[key] = value;
  }
}

function isPlain(key: string, value: unknown): boolean {
  if (key === 'default') return JSON.stringify(value).length < 1_000;
  return key === 'deprecated' || key === 'uniqueItems' ? value === true : typeof value === 'string';
}

/** Stands for a part that is too far away to be told. */
function open(target: unknown): JsonObject {
  const { type, title } = isObject(target) ? target : { type: undefined, title: undefined };
  const made: JsonObject = typeof title === 'string' ? { title: cut(title, 200) } : {};
  writeType(type, made, 'response');
  return made;
}

export function cut(text: string, chars: number): string {
  return text.length <= chars ? text : `${text.slice(0, chars - 1).trimEnd()}…`;
}

/** Validators compile patterns with the `u` flag. */
function compiles(pattern: string): boolean {
  try {
    new RegExp(pattern, 'u');
    return true;
  } catch {
    return false;
  }
}
