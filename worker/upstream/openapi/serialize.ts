// Values of parameters → text by `style` and `explode` (Parameter Object, OpenAPI 3.0 and 3.1; RFC 6570 for most of it).
import type { ParameterPlan, Style } from './model';

/** A value that cannot be sent; the message says why. */
export class ValueFault extends Error {
  /** @param pointer the place among the arguments (RFC 6901) */
  constructor(
    message: string,
    readonly pointer = '',
  ) {
    super(message);
  }
}

type Pair = [name: string, value: string];

/** A primitive as text; objects that turn up where only primitives can be sent go as JSON. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === null || value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
}

const isMap = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const membersOf = (value: Record<string, unknown>) => Object.entries(value).filter(([, each]) => each !== undefined);

/** Percent-encodes all but unreserved characters (RFC 3986 §2.3). */
export function encode(text: string): string {
  return encodeURIComponent(toWellFormed(text)).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Leaves reserved characters as they are, but those that would end the value or begin another. */
function encodeLoosely(text: string): string {
  return encodeURIComponent(toWellFormed(text)).replace(/%(3A|2F|3F|5B|5D|40|24|2C|3B|3D)/g, (escaped) =>
    decodeURIComponent(escaped),
  );
}

/** A lone surrogate has no encoding. */
function toWellFormed(text: string): string {
  return text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd');
}

/** The path with its parameters in their places. @throws ValueFault */
export function fillPath(template: string, values: ReadonlyMap<ParameterPlan, unknown>): string {
  const plans = new Map([...values.keys()].filter((plan) => plan.in === 'path').map((plan) => [plan.name, plan]));
  return template.replace(/\{([^{}]+)\}|[^{}]+|[{}]/g, (part, name?: string) => {
    const plan = name === undefined ? undefined : plans.get(name);
    if (!plan) return literal(part);
    try {
      return pathText(plan, values.get(plan));
    } catch (error) {
      throw error instanceof ValueFault ? new ValueFault(error.message, `/${plan.argument}`) : error;
    }
  });
}

function literal(text: string): string {
  return encodeURI(toWellFormed(text))
    .replaceAll('#', '%23')
    .replace(/%25(?=[0-9A-Fa-f]{2})/g, '%');
}

function pathText(plan: ParameterPlan, value: unknown): string {
  const { name, style, explode, asJson } = plan;
  const put = (each: unknown) => encode(safeSegment(textOf(each), value));
  if (asJson) return encode(safeSegment(JSON.stringify(value), value));
  const prefix = style === 'label' ? '.' : style === 'matrix' ? ';' : '';
  const between = explode && prefix ? prefix : ',';
  const own = style === 'matrix' ? `${encode(name)}=` : '';
  if (Array.isArray(value)) {
    const items = value.map((item) => (explode ? own : '') + put(item));
    return prefix + (explode ? '' : own) + items.join(between);
  }
  if (isMap(value)) {
    const items = membersOf(value).map(([key, each]) => `${encode(key)}${explode ? '=' : ','}${put(each)}`);
    return prefix + (explode ? '' : own) + items.join(between);
  }
  return prefix + own + put(value);
}

/**
 * Encoding hides a slash from us, but servers and proxies decode it: what would climb out of its place is refused, and
 * so is nothing at all, which would name another resource, e.g. the whole collection.
 */
function safeSegment(text: string, whole: unknown): string {
  if (text === '' && !Array.isArray(whole)) throw new ValueFault('must not be empty in a path');
  const forms = [text, decoded(text)];
  if (forms.some((form) => /(^|[/\\])\.{1,2}($|[/\\])/.test(form))) {
    throw new ValueFault('must not hold "." or ".." as a part of a path');
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (forms.some((form) => /[\u0000-\u001f\u007f]/.test(form)))
    throw new ValueFault('must not hold control characters');
  return text;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** One query parameter as encoded `name=value` parts. */
export function queryParts(plan: ParameterPlan, value: unknown): string[] {
  const put = plan.allowReserved ? encodeLoosely : encode;
  if (plan.asJson) return [`${encode(plan.name)}=${put(JSON.stringify(value))}`];
  return formPairs(plan.name, value, plan.style, plan.explode, put).map(([name, each]) => `${name}=${each}`);
}

const delimiters: Partial<Record<Style, string>> = { spaceDelimited: '%20', pipeDelimited: '%7C', form: ',' };

/** Also for cookies and forms. @returns encoded pairs */
export function formPairs(
  name: string,
  value: unknown,
  style: Style,
  explode: boolean,
  put: (text: string) => string,
): Pair[] {
  const own = encode(name);
  if (style === 'deepObject' && isMap(value)) return deepPairs(own, value, put, 0);
  const delimiter = delimiters[style] ?? ',';
  if (Array.isArray(value)) {
    const items = value.map((item) => put(textOf(item)));
    if (explode || style === 'deepObject') return items.map((item): Pair => [own, item]);
    return [[own, items.join(delimiter)]];
  }
  if (isMap(value)) {
    const members = membersOf(value);
    if (explode) return members.map(([key, each]): Pair => [encode(key), put(textOf(each))]);
    return [[own, members.flatMap(([key, each]) => [put(key), put(textOf(each))]).join(delimiter)]];
  }
  return [[own, put(textOf(value))]];
}

const maxDepth = 16;

/** `filter[state]=open`; what lies deeper, which the specification leaves open, goes on in the same way. */
function deepPairs(prefix: string, value: object, put: (text: string) => string, depth: number): Pair[] {
  return membersOf(value as Record<string, unknown>).flatMap(([key, each]): Pair[] => {
    const name = `${prefix}%5B${encode(key)}%5D`;
    if (Array.isArray(each)) return each.map((item): Pair => [name, put(textOf(item))]);
    if (isMap(each) && depth < maxDepth) return deepPairs(name, each, put, depth + 1);
    return [[name, put(textOf(each))]];
  });
}

/** The value of a header. @throws ValueFault for what would end it (RFC 9110 §5.5) or cannot be written in it */
export function headerText(plan: ParameterPlan, value: unknown): string {
  const text = plan.asJson ? JSON.stringify(value) : simpleText(value, plan.explode);
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(text)) {
    throw new ValueFault('must not hold line breaks, control characters or anything else that a header cannot carry');
  }
  return text.trim();
}

function simpleText(value: unknown, explode: boolean): string {
  if (Array.isArray(value)) return value.map(textOf).join(',');
  if (!isMap(value)) return textOf(value);
  return membersOf(value)
    .map(([key, each]) => `${key}${explode ? '=' : ','}${textOf(each)}`)
    .join(',');
}

/** Values of cookies are percent-encoded, since commas and semicolons would end them (RFC 6265 §4.1.1). */
export function cookieParts(plan: ParameterPlan, value: unknown): string[] {
  if (plan.asJson) return [`${encode(plan.name)}=${encode(JSON.stringify(value))}`];
  return formPairs(plan.name, value, 'form', plan.explode, encode).map(([name, each]) => `${name}=${each}`);
}
