// What the form of an overlay holds, and the overlay that it stands for.
import { followed, parametersOf } from '@/lib/servers/curation/input-schema';
import type { ParameterOverlay, ToolOverlay } from '@/lib/servers/curation/schema';
import type { ShownTool } from '@/lib/servers/schema';

export const hintKeys = ['readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint'] as const;
export type HintKey = (typeof hintKeys)[number];

export interface ParameterValue {
  mode: 'shown' | ParameterOverlay['mode'];
  /** As typed. */
  text: string;
  /** Empty: as the server says. */
  description: string;
}

export const asItIs: ParameterValue = { mode: 'shown', text: '', description: '' };

export interface OverlayValues {
  enabled: boolean;
  /** Empty texts stand for what the server says. */
  name: string;
  title: string;
  description: string;
  /** `annotations.title`, which older clients show. */
  hintTitle: string;
  /** '' stands for what the server says. */
  hints: Record<HintKey, '' | 'true' | 'false'>;
  parameters: Record<string, ParameterValue>;
}

export interface Parameter {
  name: string;
  schema: Record<string, unknown>;
  /** The tool does not have it (any more). */
  isGone: boolean;
}

/** The parameters of a tool, then those that only the overlay knows. */
export function parametersToShow(base: ShownTool | null, overlay: ToolOverlay): Parameter[] {
  const schema = base?.inputSchema ?? {};
  const known = [...parametersOf(schema)].map(([name, property]) => {
    const followedSchema = followed(schema, property);
    const isObject = typeof followedSchema === 'object' && followedSchema !== null;
    return { name, schema: isObject ? (followedSchema as Record<string, unknown>) : {}, isGone: false };
  });
  const gone = Object.keys(overlay.parameters ?? {}).filter((name) => !known.some((each) => each.name === name));
  return [...known, ...gone.map((name) => ({ name, schema: {}, isGone: true }))];
}

/** Whether what is typed is the value itself; everything else is typed as JSON. */
export function isText({ schema }: Parameter): boolean {
  return schema.type === 'string';
}

/** The values that a parameter can have, where its schema names them one by one. */
export function choicesOf({ schema }: Parameter): unknown[] | null {
  if (Array.isArray(schema.enum)) return schema.enum;
  return schema.type === 'boolean' ? [true, false] : null;
}

export function textOf(value: unknown, parameter: Parameter): string {
  return isText(parameter) && typeof value === 'string' ? value : JSON.stringify(value);
}

export function valuesOf(overlay: ToolOverlay, parameters: readonly Parameter[]): OverlayValues {
  const { enabled = true, name = '', title = '', description = '', annotations = {} } = overlay;
  const hintOf = (key: HintKey) =>
    annotations[key] === undefined ? '' : (String(annotations[key]) as 'true' | 'false');
  return {
    enabled,
    name,
    title,
    description,
    hintTitle: annotations.title ?? '',
    hints: Object.fromEntries(hintKeys.map((key) => [key, hintOf(key)])) as OverlayValues['hints'],
    parameters: Object.fromEntries(
      parameters.map((parameter) => {
        const set = overlay.parameters?.[parameter.name];
        const text = set && 'value' in set ? textOf(set.value, parameter) : '';
        const own = set && 'description' in set ? (set.description ?? '') : '';
        return [parameter.name, { mode: set?.mode ?? 'shown', text, description: own }];
      }),
    ),
  };
}

/** Where a parameter stands in the overlay: a JSON Pointer. */
export function placeOf(parameter: string): string {
  return `/parameters/${parameter.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

export interface Read {
  overlay: ToolOverlay;
  /** By JSON Pointer. */
  faults: Record<string, string>;
}

export function overlayOf(values: OverlayValues, parameters: readonly Parameter[]): Read {
  const faults: Record<string, string> = {};
  const set: NonNullable<ToolOverlay['parameters']> = {};
  for (const parameter of parameters) {
    const { mode, text, description: typed } = values.parameters[parameter.name] ?? asItIs;
    const description = typed.trim();
    if (mode === 'shown') {
      if (description !== '') set[parameter.name] = { mode, description };
      continue;
    }
    if (mode === 'hidden') {
      set[parameter.name] = { mode };
      continue;
    }
    try {
      const value = isText(parameter) ? text : JSON.parse(text);
      const isDescribed = mode === 'default' && description !== '';
      set[parameter.name] = isDescribed ? { mode, value, description } : { mode, value };
    } catch {
      faults[placeOf(parameter.name)] = text === '' ? 'Enter a value.' : 'This is not JSON.';
    }
  }
  const hintTitle = values.hintTitle.trim();
  const annotations = Object.fromEntries([
    ...(hintTitle === '' ? [] : [['title', hintTitle]]),
    ...hintKeys.flatMap((key) => (values.hints[key] === '' ? [] : [[key, values.hints[key] === 'true']])),
  ]);
  const texts = (['name', 'title', 'description'] as const).flatMap((key) =>
    values[key].trim() === '' ? [] : [[key, values[key].trim()]],
  );
  return {
    overlay: {
      ...(!values.enabled && { enabled: false }),
      ...Object.fromEntries(texts),
      ...(Object.keys(annotations).length > 0 && { annotations }),
      ...(Object.keys(set).length > 0 && { parameters: set }),
    },
    faults,
  };
}
