// Takes parameters out of a tool's inputSchema, gives others a default or another description (JSON Schema 2020-12). A parameter of the first
// level may be declared at the root, in what the root refers to, and in what is applied to the same object beside it
// (allOf, anyOf, if …); wherever it stands it goes. What is left accepts every call that fits without what was taken.

type Json = Record<string, unknown>;

export interface SchemaEdits {
  /** No longer declared or required. */
  taken: ReadonlySet<string>;
  /** Those of them that the arguments get all the same, with their value. */
  filled: ReadonlyMap<string, unknown>;
  /** No longer required, and shown with this default. */
  defaults: ReadonlyMap<string, unknown>;
  /** In place of those that declarations have. */
  descriptions: ReadonlyMap<string, string>;
}

/** Schemas that are applied to the same object, one in the other or by reference. */
const levelsMax = 32;
/** References can make few lines stand for any number of schemas; from here on the rest stays as it is. */
const partsMax = 2000;

/** The declared parameters with their schemas, in the order of the text; the first declaration counts. */
export function parametersOf(schema: Json): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const each of appliedTo(schema)) {
    for (const [name, property] of Object.entries(objectOf(each.properties))) {
      if (!found.has(name)) found.set(name, property);
    }
  }
  return found;
}

/** Those that no call can leave out. */
export function requiredOf(schema: Json): Set<string> {
  const found = new Set<string>();
  for (const each of appliedTo(schema, false)) for (const name of stringsOf(each.required)) found.add(name);
  return found;
}

/**
 * The schemas that apply to the object itself, the root first.
 * @param branches with those that apply to some calls only (anyOf, oneOf, then …)
 */
function appliedTo(root: Json, branches = true): Json[] {
  const found = new Set<Json>();
  const visit = (schema: unknown, level: number): void => {
    if (!isObject(schema) || found.has(schema) || level > levelsMax) return;
    found.add(schema);
    visit(resolved(root, schema.$ref), level + 1);
    const lists = branches ? [schema.allOf, schema.anyOf, schema.oneOf] : [schema.allOf];
    for (const list of lists) if (Array.isArray(list)) for (const each of list) visit(each, level + 1);
    if (!branches) return;
    for (const each of [schema.then, schema.else]) visit(each, level + 1);
    for (const each of Object.values(objectOf(schema.dependentSchemas))) visit(each, level + 1);
  };
  visit(root, 0);
  return [...found];
}

/** A copy with these parameters changed; the schema itself where nothing is to change. */
export function editInputSchema(root: Json, edits: SchemaEdits): Json {
  const { taken, defaults, descriptions } = edits;
  if (taken.size + defaults.size + descriptions.size === 0) return root;
  const work = { root, edits, unplaced: new Map(defaults), undescribed: new Set(descriptions.keys()), parts: 0 };
  const edited = edit(root, work, 0, new Set());
  return isObject(edited) ? withoutUnused(root, edited) : root;
}

interface Work {
  root: Json;
  edits: SchemaEdits;
  /** Defaults that no declaration shows yet. */
  unplaced: Map<string, unknown>;
  /** Parameters of which no declaration shows its new description yet. */
  undescribed: Set<string>;
  /** Schemas looked at so far. */
  parts: number;
}

/** @returns false where no call can fit any more */
function edit(schema: unknown, work: Work, level: number, above: ReadonlySet<unknown>): unknown {
  if (!isObject(schema) || level > levelsMax || above.has(schema)) return schema;
  work.parts += 1;
  if (work.parts > partsMax) return schema;
  const { root, edits } = work;
  const inside = new Set(above).add(schema);
  const within = (each: unknown) => edit(each, work, level + 1, inside);
  const made: Json = { ...schema };

  if (isObject(schema.properties)) {
    if (level > 0 && !admits(schema.properties, edits.filled)) return false;
    made.properties = editProperties(schema.properties, work);
  }
  if (Array.isArray(schema.required)) {
    const gone = stringsOf(schema.required).find((name) => edits.taken.has(name) && !edits.filled.has(name));
    if (gone !== undefined && level > 0) return false;
    const left = schema.required.filter((name) => !edits.taken.has(name) && !edits.defaults.has(name));
    if (left.length > 0) made.required = left;
    else delete made.required;
  }
  if (typeof schema.minProperties === 'number') {
    const left = schema.minProperties - edits.filled.size - edits.defaults.size;
    if (left > 0) made.minProperties = left;
    else delete made.minProperties;
  }
  // What is defined once may be used for other objects too, so that the edited form stands here.
  const target = resolved(root, schema.$ref);
  if (target !== undefined && !inside.has(target)) {
    const edited = within(target);
    if (!isSame(edited, target)) {
      delete made.$ref;
      made.allOf = [...(Array.isArray(schema.allOf) ? schema.allOf.map(within) : []), edited];
    } else if (Array.isArray(schema.allOf)) made.allOf = schema.allOf.map(within);
  } else if (Array.isArray(schema.allOf)) made.allOf = schema.allOf.map(within);
  if (Array.isArray(made.allOf) && made.allOf.includes(false)) {
    if (level > 0) return false;
    made.allOf = made.allOf.filter((each) => each !== false);
  }
  for (const key of ['anyOf', 'oneOf']) {
    const choices = schema[key];
    if (!Array.isArray(choices)) continue;
    const left = choices.map(within).filter((each) => each !== false);
    if (isSame(left, choices)) continue;
    if (edits.taken.size + edits.defaults.size === 0) {
      // Other words make no choice fit more.
      made[key] = left;
      continue;
    }
    if (left.length === 0 && level > 0) return false;
    delete made[key];
    // A choice that asks for nothing any more is always made: the others say nothing then.
    if (left.length === 0 || left.some((each) => isObject(each) && Object.keys(each).length === 0)) continue;
    // Without what told them apart, several may fit at once.
    if (made.anyOf === undefined && schema.anyOf === undefined) made.anyOf = left;
    else made.allOf = [...((made.allOf as unknown[] | undefined) ?? []), { anyOf: left }];
  }
  editConditions(schema, made, edits, within);
  return made;
}

/** Whether the values that are filled in can be right here, as far as a property names them one by one. */
function admits(properties: Json, filled: ReadonlyMap<string, unknown>): boolean {
  return [...filled].every(([name, value]) => {
    const { const: only, enum: choices } = objectOf(properties[name]);
    if (only !== undefined && !isSame(only, value)) return false;
    return !Array.isArray(choices) || choices.some((each) => isSame(each, value));
  });
}

function editProperties(properties: Json, { edits, unplaced, undescribed }: Work): Json {
  return Object.fromEntries(
    Object.entries(properties).flatMap(([name, property]) => {
      if (edits.taken.has(name)) return [];
      const description = edits.descriptions.get(name);
      // Once is enough, but a second declaration must not say otherwise.
      const isPlace = property !== false && (undescribed.has(name) || 'description' in objectOf(property));
      const isDescribed = description !== undefined && isPlace;
      if (!unplaced.has(name) && !isDescribed) return [[name, property]];
      const shown = { ...objectOf(property) };
      if (isDescribed) shown.description = description;
      if (unplaced.has(name)) shown.default = unplaced.get(name);
      unplaced.delete(name);
      undescribed.delete(name);
      return [[name, shown]];
    }),
  );
}

/** A condition on what was taken cannot be asked of a caller any more; its server still asks it. */
function editConditions(schema: Json, made: Json, { taken }: SchemaEdits, within: (each: unknown) => unknown): void {
  if (schema.if !== undefined && speaksOf(schema.if, taken)) {
    for (const key of ['if', 'then', 'else']) delete made[key];
  } else {
    for (const key of ['then', 'else']) if (schema[key] !== undefined) made[key] = within(schema[key]);
  }
  if (schema.not !== undefined && speaksOf(schema.not, taken)) delete made.not;
  for (const key of ['dependentRequired', 'dependentSchemas', 'dependencies']) {
    if (!isObject(schema[key])) continue;
    const left = Object.entries(schema[key])
      .filter(([name]) => !taken.has(name))
      .map(([name, each]) => [name, Array.isArray(each) ? each.filter((one) => !taken.has(one)) : within(each)]);
    if (left.length > 0) made[key] = Object.fromEntries(left);
    else delete made[key];
  }
}

function speaksOf(condition: unknown, names: ReadonlySet<string>): boolean {
  return [...names].some((name) => JSON.stringify(condition).includes(JSON.stringify(name)));
}

/** Without definitions that only the parameters used that are gone. */
function withoutUnused(before: Json, after: Json): Json {
  const text = JSON.stringify(after);
  // With names in place of places nobody knows what is used.
  if (/"\$(?:dynamic|recursive)Ref":|"\$(?:anchor|id)":/.test(text)) return after;
  const made = { ...after };
  for (const key of ['$defs', 'definitions']) {
    const definitions = made[key];
    if (!isObject(definitions)) continue;
    const usedBefore = usedOf(before, key);
    const used = usedOf(made, key);
    const left = Object.entries(definitions).filter(([name]) => used.has(name) || !usedBefore.has(name));
    if (left.length > 0) made[key] = Object.fromEntries(left);
    else delete made[key];
  }
  return made;
}

/** Names of definitions that are reached from outside of them. */
function usedOf(root: Json, key: string): Set<string> {
  const used = new Set<string>();
  const definitions = objectOf(root[key]);
  const open: unknown[] = [{ ...root, [key]: undefined }];
  for (let schema = open.pop(); schema !== undefined; schema = open.pop()) {
    for (const name of referencesIn(schema, key)) {
      if (used.has(name)) continue;
      used.add(name);
      if (definitions[name] !== undefined) open.push(definitions[name]);
    }
  }
  return used;
}

function referencesIn(schema: unknown, key: string): string[] {
  const references = JSON.stringify(schema)?.match(/"\$ref":"#\/(?:[^"\\]|\\.)*"/g) ?? [];
  return references.flatMap((each) => {
    const [first, name] = JSON.parse(`{${each}}`).$ref.slice(2).split('/').map(unescaped);
    return first === key && name !== undefined ? [name] : [];
  });
}

/** What a reference within the same schema leads to (RFC 6901); undefined for all others. */
function resolved(root: Json, reference: unknown): unknown {
  if (typeof reference !== 'string' || !reference.startsWith('#')) return undefined;
  if (reference === '#') return root;
  let at: unknown = root;
  for (const part of reference.slice(2).split('/').map(unescaped)) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Json)[part];
  }
  return at;
}

/** The schema of one parameter with the reference in it followed, as far as it leads within the same schema. */
export function followed(root: Json, schema: unknown): unknown {
  let at = schema;
  for (let step = 0; step < levelsMax && isObject(at) && at.$ref !== undefined; step++) {
    const target = resolved(root, at.$ref);
    if (!isObject(target)) return at;
    at = target;
  }
  return at;
}

function unescaped(part: string): string {
  let text = part;
  try {
    text = decodeURIComponent(part);
  } catch {
    // Taken literally.
  }
  return text.replaceAll('~1', '/').replaceAll('~0', '~');
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function stringsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

function objectOf(value: unknown): Json {
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
