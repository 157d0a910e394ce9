// Lays an overlay on a tool: what models see of it, and what becomes of the arguments of its calls. Pure, so that the
// gateway, the pages of the dashboard and the checks before a save come to the same result.
import type { ShownTool } from '../schema';
import { editInputSchema, followed, parametersOf, requiredOf } from './input-schema';
import type { ToolOverlay } from './schema';

/** A tool as its server defined it. */
type Definition = Record<string, unknown>;

/** How the arguments of a caller become those that the server gets. */
export interface ArgumentPlan {
  /** Whatever the caller sends under these names is dropped. */
  readonly taken: readonly string[];
  readonly fixed: readonly (readonly [name: string, value: unknown])[];
  /** For what the caller leaves out. */
  readonly defaults: readonly (readonly [name: string, value: unknown])[];
}

export interface OverlayFault {
  parameter: string;
  /** A plain sentence. */
  text: string;
}

export interface Curated {
  definition: Definition;
  /** Null: arguments pass as they are. */
  plan: ArgumentPlan | null;
  /** What of the overlay does not fit the tool. */
  faults: OverlayFault[];
}

const made = new WeakMap<Definition, WeakMap<ToolOverlay, Curated>>();

/** `definition` under `overlay`; made once for each two of them. */
export function curate(definition: Definition, overlay: ToolOverlay): Curated {
  let byOverlay = made.get(definition);
  if (!byOverlay) {
    byOverlay = new WeakMap();
    made.set(definition, byOverlay);
  }
  let curated = byOverlay.get(overlay);
  if (!curated) {
    curated = lay(definition, overlay);
    byOverlay.set(overlay, curated);
  }
  return curated;
}

function lay(definition: Definition, { name, title, description, annotations, parameters }: ToolOverlay): Curated {
  const curated: Definition = { ...definition };
  if (name !== undefined) curated.name = name;
  if (title !== undefined) curated.title = title;
  if (description !== undefined) curated.description = description;
  if (annotations) curated.annotations = { ...objectOf(definition.annotations), ...annotations };
  if (!parameters || Object.keys(parameters).length === 0) return { definition: curated, plan: null, faults: [] };

  const schema = objectOf(definition.inputSchema);
  const known = parametersOf(schema);
  const required = requiredOf(schema);
  const taken = new Set<string>();
  const fixed = new Map<string, unknown>();
  const defaults = new Map<string, unknown>();
  const descriptions = new Map<string, string>();
  const faults: OverlayFault[] = [];
  for (const [parameter, { mode, ...rest }] of Object.entries(parameters)) {
    const fault = (text: string) => faults.push({ parameter, text });
    const quoted = JSON.stringify(parameter);
    const value = 'value' in rest ? rest.value : undefined;
    // What was taken from callers does not come back to them because its server changed.
    if (mode !== 'default' && mode !== 'shown') taken.add(parameter);
    if (!known.has(parameter)) {
      fault(`The parameter ${quoted} does not exist (any more).`);
      continue;
    }
    if ('description' in rest && rest.description !== undefined) descriptions.set(parameter, rest.description);
    if (mode === 'shown') continue;
    if (mode === 'hidden') {
      if (required.has(parameter)) fault(`The parameter ${quoted} is required: hide it with a fixed value.`);
      continue;
    }
    const misfit = misfitOf(value, followed(schema, known.get(parameter)));
    if (misfit) fault(`The value of the parameter ${quoted} ${misfit}.`);
    if (mode === 'fixed') fixed.set(parameter, value);
    else if (!misfit) defaults.set(parameter, value);
  }
  curated.inputSchema = editInputSchema(schema, { taken, filled: fixed, defaults, descriptions });
  const plan =
    taken.size + defaults.size > 0 ? { taken: [...taken], fixed: [...fixed], defaults: [...defaults] } : null;
  return { definition: curated, plan, faults };
}

/** `definition` under the overlay of its server and, over that, the one of a group; null where there is neither. */
export function curateIn(
  definition: Definition,
  ofServer: ToolOverlay | undefined,
  ofGroup: ToolOverlay | undefined,
): Curated | null {
  const inner = ofServer ? curate(definition, ofServer) : null;
  if (!ofGroup) return inner;
  const outer = curate(inner?.definition ?? definition, ofGroup);
  if (!inner?.plan) return outer;
  return { definition: outer.definition, plan: joinPlans(inner.plan, outer.plan), faults: outer.faults };
}

/** The arguments of a call to a tool under two overlays, the outer one laid on the result of the inner one. */
function joinPlans(inner: ArgumentPlan, outer: ArgumentPlan | null): ArgumentPlan {
  if (!outer) return inner;
  const isLeft = (names: readonly string[]) => {
    const gone = new Set(names);
    return ([name]: readonly [string, unknown]) => !gone.has(name);
  };
  // What the inner one took away is no parameter any more for the outer one.
  const fixed = [...inner.fixed, ...outer.fixed.filter(isLeft(inner.taken))];
  const outerDefaults = outer.defaults.filter(isLeft(inner.taken));
  const replaced = [...outer.taken, ...outerDefaults.map(([name]) => name)];
  return {
    taken: [...new Set([...inner.taken, ...outer.taken])],
    fixed,
    defaults: [...inner.defaults.filter(isLeft(replaced)), ...outerDefaults],
  };
}

/** What the server gets for what the caller sent. */
export function plannedArguments({ taken, fixed, defaults }: ArgumentPlan, args: unknown): Record<string, unknown> {
  const sent: Record<string, unknown> = { ...objectOf(args) };
  for (const name of taken) delete sent[name];
  for (const [name, value] of fixed) sent[name] = value;
  for (const [name, value] of defaults) if (!Object.hasOwn(sent, name)) sent[name] = value;
  return sent;
}

/** What a model sees of a definition. */
export function shownOf({ name, title, description, inputSchema, outputSchema, annotations }: Definition): ShownTool {
  return {
    name: String(name),
    title: typeof title === 'string' ? title : null,
    description: typeof description === 'string' ? description : null,
    inputSchema: isObject(inputSchema) ? inputSchema : { type: 'object' },
    outputSchema: isObject(outputSchema) ? outputSchema : null,
    annotations: isObject(annotations) ? annotations : null,
  };
}

/** Whether nothing is changed by it. */
export function isEmptyOverlay(overlay: ToolOverlay): boolean {
  return Object.keys(overlay).length === 0;
}

/** Without members that say nothing, so that equal overlays are equal values. */
export function tidied({ enabled, annotations, parameters, ...rest }: ToolOverlay): ToolOverlay {
  const texts = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  const has = (record: object | undefined) => record !== undefined && Object.keys(record).length > 0;
  return {
    ...(enabled === false && { enabled }),
    ...texts,
    ...(annotations && has(annotations) && { annotations }),
    ...(parameters && has(parameters) && { parameters }),
  };
}

/** Why a value cannot be right for a parameter, by what its schema says at first sight: its type, and named values. */
function misfitOf(value: unknown, schema: unknown): string | null {
  if (!isObject(schema)) return null;
  const { type, enum: choices, const: only } = schema;
  const types = Array.isArray(type) ? type : typeof type === 'string' ? [type] : [];
  if (types.length > 0 && !types.some((each) => isOfType(value, each))) return `must be of type ${types.join(' or ')}`;
  const isAmong = (list: unknown[]) => list.some((each) => JSON.stringify(each) === JSON.stringify(value));
  if (Array.isArray(choices) && !isAmong(choices)) return 'is not one of those that the server takes';
  return only !== undefined && !isAmong([only]) ? 'is not the one that the server takes' : null;
}

function isOfType(value: unknown, type: unknown): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return isObject(value);
  if (type === 'integer') return Number.isInteger(value);
  // Of a type that nobody knows nothing can be said.
  return type === typeof value || !['string', 'number', 'boolean'].includes(String(type));
}

function objectOf(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
