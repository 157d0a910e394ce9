// Whether a tool's schema can be used at all: what every validator would stumble over, found without running anything of
// it. References into other documents are not followed (server/tools, 2026-07-28), so a schema that needs one is named.
import type { SchemaCheck } from '../diagnosis/schema';
import { isDeeperThan } from '../json-depth';

const types: ReadonlySet<unknown> = new Set(['string', 'number', 'integer', 'boolean', 'object', 'array', 'null']);
/** One that is deeper or has more parts is left unchecked from there on. */
const depthMax = 64;
const partsMax = 20_000;
/** Of objects and lists in each other, where each schema within takes up to two of them. */
const levelsMax = 200;

const singles = [
  'additionalProperties',
  'items',
  'contains',
  'not',
  'if',
  'then',
  'else',
  'propertyNames',
  'unevaluatedItems',
  'unevaluatedProperties',
  'additionalItems',
];
const lists = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
const maps = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'];

type Json = Record<string, unknown>;

export function checkSchema(schema: unknown): SchemaCheck {
  if (isDeeperThan(schema, levelsMax)) {
    return { bytes: 0, dialect: null, fault: `It is nested deeper than ${levelsMax} levels.` };
  }
  const text = JSON.stringify(schema) ?? '';
  const dialect = isObject(schema) && typeof schema.$schema === 'string' ? schema.$schema.slice(0, 200) : null;
  return { bytes: Buffer.byteLength(text), dialect, fault: faultOf(schema) };
}

function faultOf(root: unknown): string | null {
  let parts = 0;

  function visit(schema: unknown, at: string, depth: number): string | null {
    if (typeof schema === 'boolean') return null;
    if (!isObject(schema)) return `${at || 'It'} is not a schema.`;
    parts += 1;
    if (depth > depthMax || parts > partsMax) return null;
    const own = faultOfKeywords(schema, at) ?? faultOfReference(root, schema.$ref, at);
    if (own) return own;
    for (const key of singles) {
      const inner = schema[key];
      if (inner === undefined) continue;
      // Up to 2019-09 `items` may be a list.
      const fault =
        key === 'items' && Array.isArray(inner)
          ? visitAll(inner, `${at}/items`, depth)
          : visit(inner, `${at}/${key}`, depth + 1);
      if (fault) return fault;
    }
    for (const key of lists) {
      const inner = schema[key];
      if (inner === undefined) continue;
      if (!Array.isArray(inner) || inner.length === 0) return `${at}/${key} is not a list of schemas.`;
      const fault = visitAll(inner, `${at}/${key}`, depth);
      if (fault) return fault;
    }
    for (const key of maps) {
      const inner = schema[key];
      if (inner === undefined) continue;
      if (!isObject(inner)) return `${at}/${key} is not an object.`;
      for (const [name, each] of Object.entries(inner)) {
        const fault = visit(each, `${at}/${key}/${pointerPart(name)}`, depth + 1);
        if (fault) return fault;
      }
    }
    return null;
  }

  function visitAll(list: unknown[], at: string, depth: number): string | null {
    for (const [index, each] of list.entries()) {
      const fault = visit(each, `${at}/${index}`, depth + 1);
      if (fault) return fault;
    }
    return null;
  }

  return visit(root, '', 0);
}

function faultOfKeywords({ type, required, pattern, patternProperties, ...rest }: Json, at: string): string | null {
  const named = Array.isArray(type) ? type : type === undefined ? [] : [type];
  const unknown = named.find((each) => !types.has(each));
  if (unknown !== undefined) return `${at}/type names ${JSON.stringify(unknown)?.slice(0, 60)}, which is no type.`;
  if (required !== undefined && !(Array.isArray(required) && required.every((each) => typeof each === 'string'))) {
    return `${at}/required is not a list of names.`;
  }
  if (rest.enum !== undefined && !Array.isArray(rest.enum)) return `${at}/enum is not a list.`;
  const patterns = [pattern, ...(isObject(patternProperties) ? Object.keys(patternProperties) : [])];
  const broken = patterns.find((each) => each !== undefined && !isPattern(each));
  return broken === undefined ? null : `${at}: the pattern ${JSON.stringify(broken)?.slice(0, 80)} does not compile.`;
}

function isPattern(pattern: unknown): boolean {
  if (typeof pattern !== 'string') return false;
  return ['u', ''].some((flags) => {
    try {
      return Boolean(new RegExp(pattern, flags));
    } catch {
      return false;
    }
  });
}

function faultOfReference(root: unknown, ref: unknown, at: string): string | null {
  if (ref === undefined) return null;
  if (typeof ref !== 'string') return `${at}/$ref is not a text.`;
  if (ref === '#') return null;
  const shown = JSON.stringify(ref.slice(0, 120));
  const id = isObject(root) && typeof root.$id === 'string' ? root.$id : null;
  const [base = '', fragment = ''] = ref.split('#', 2);
  if (base !== '' && base !== id) {
    return isIdOfPart(root, base) ? null : `${at}/$ref leads to ${shown}, another document, which is not fetched.`;
  }
  if (!fragment.startsWith('/')) return isAnchor(root, fragment) ? null : `${at}/$ref leads nowhere: ${shown}.`;
  let target: unknown = root;
  for (const part of fragment.slice(1).split('/')) {
    const name = unescapedPart(part);
    target = isObject(target) && Object.hasOwn(target, name) ? target[name] : itemOf(target, name);
  }
  return target === undefined ? `${at}/$ref leads nowhere: ${shown}.` : null;
}

function itemOf(target: unknown, name: string): unknown {
  return Array.isArray(target) ? target[Number(name)] : undefined;
}

function unescapedPart(part: string): string {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return part;
  }
}

const isAnchor = (root: unknown, name: string) => somewhere(root, (part) => part.$anchor === name);
const isIdOfPart = (root: unknown, id: string) => somewhere(root, (part) => part.$id === id);

function somewhere(value: unknown, matches: (part: Json) => boolean, depth = 0): boolean {
  if (typeof value !== 'object' || value === null || depth > depthMax) return false;
  if (!Array.isArray(value) && matches(value as Json)) return true;
  return Object.values(value).some((each) => somewhere(each, matches, depth + 1));
}

function pointerPart(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1').slice(0, 80);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
