// A document → its operations, each with its tool and the plan of its request. An operation that cannot be offered is a
// fault of its own and hides no other.
import { type Document, resolve } from './document';
import {
  type BodyPlan,
  type DocumentPlan,
  type FieldPlan,
  isObject,
  type JsonObject,
  type OperationPlan,
  type ParameterPlace,
  type ParameterPlan,
  type Style,
} from './model';
import { argumentNames, toolNames } from './names';
import { cut, Schemas } from './schemas';
import { readSchemes, requirementsOf } from './security';

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const;
/** Asks a server about itself; of no use as a tool. TRACE would show the credentials that were sent. */
const notOffered = new Set(['options', 'trace']);
const places = new Set<unknown>(['path', 'query', 'header', 'cookie']);
const descriptionChars = 4_000;
/** What the request says by other means (Parameter Object: "If in is header …"), or what belongs to the connection. */
const notAParameter = new Set([
  ...['accept', 'content-type', 'authorization', 'host', 'connection', 'content-length', 'transfer-encoding'],
  ...['upgrade', 'keep-alive', 'te', 'trailer', 'expect', 'accept-encoding', 'cookie', 'proxy-authorization'],
]);
/** What answers to a call are made of is decided here; anything is understood. */
const acceptAll = '*/*;q=0.1';

interface Found {
  method: string;
  path: string;
  operationId: string | null;
  operation: Record<string, unknown>;
  item: Record<string, unknown>;
}

/** @throws DocumentFault never: what is odd is told in `faults` and `warnings` */
export function readOperations(document: Document): DocumentPlan {
  const info = isObject(document.info) ? document.info : {};
  const dialect = String(document.openapi).startsWith('3.0') ? '3.0' : '3.1';
  const schemas = new Schemas(document, dialect);
  const faults: DocumentPlan['faults'] = [];
  const warnings: string[] = [];
  const found = findOperations(document, faults);
  const names = toolNames(found);
  const schemes = readSchemes(document);
  const credentials = new Set(schemes.map((scheme) => `${scheme.in} ${scheme.parameter}`.toLowerCase()));
  const operations: OperationPlan[] = [];
  for (const [at, each] of found.entries()) {
    try {
      operations.push(planOf(each, names[at] as string, schemas, credentials));
    } catch (error) {
      faults.push({
        operation: keyOf(each),
        reason: `It could not be read: ${(error as Error).message.slice(0, 200)}`,
      });
    }
  }
  if (isObject(document.webhooks) && Object.keys(document.webhooks).length > 0) {
    warnings.push('Webhooks are requests of the API to others: they are left out.');
  }
  if (operations.length === 0) warnings.push('The document has no operations, so the server has no tools.');
  return {
    openapi: String(document.openapi),
    title: text(info.title) || 'Untitled API',
    version: typeof info.version === 'number' ? String(info.version) : text(info.version),
    description: cut(text(info.description), descriptionChars),
    server: serverOf(document.servers),
    schemes,
    operations,
    faults,
    warnings,
  };
}

function findOperations(document: Document, faults: DocumentPlan['faults']): Found[] {
  const found: Found[] = [];
  for (const [path, value] of Object.entries(isObject(document.paths) ? document.paths : {})) {
    if (path.startsWith('x-')) continue;
    const item = resolve(document, value);
    if (!item || !path.startsWith('/')) {
      faults.push({
        operation: cut(path, 200),
        reason: item ? 'The path does not begin with "/".' : 'It is no object.',
      });
      continue;
    }
    for (const method of methods) {
      const operation = Object.hasOwn(item, method) ? resolve(document, item[method]) : null;
      if (!operation || notOffered.has(method)) continue;
      const operationId = text(operation.operationId) || null;
      found.push({ method: method.toUpperCase(), path, operationId, operation, item });
    }
  }
  return found;
}

function keyOf({ method, path }: Pick<Found, 'method' | 'path'>): string {
  return `${method} ${path}`;
}

function planOf(found: Found, name: string, schemas: Schemas, credentials: ReadonlySet<string>): OperationPlan {
  const { method, path, operationId, operation, item } = found;
  const { document } = schemas;
  const raw = parametersOf(document, found, credentials);
  const body = bodyOf(schemas, operation, method);
  const named = argumentNames(raw as { name: string; in: string }[], body ? ['body'] : []);
  const parameters = raw.map((parameter, at) => parameterPlan(parameter, named[at] as string));
  const responses = responsesOf(document, operation);
  const outputSchema = outputOf(schemas, responses);
  return {
    key: keyOf(found),
    operationId,
    method,
    path,
    tags: Array.isArray(operation.tags) ? operation.tags.filter((tag) => typeof tag === 'string') : [],
    tool: {
      name,
      ...(text(operation.summary) && { title: cut(text(operation.summary), 200) }),
      description: descriptionOf(found),
      inputSchema: inputOf(schemas, raw, parameters, body),
      ...(outputSchema && { outputSchema }),
      annotations: annotationsOf(method),
    },
    parameters,
    body: body?.plan ?? null,
    accept: acceptOf(responses),
    security: requirementsOf(document, operation),
    server: serverOf(operation.servers) ?? serverOf(item.servers),
  };
}

/**
 * Those of the operation replace those of the path; what the path's template names is there in any case. Keys that are
 * a security scheme's are the hub's to send, and no business of whoever calls the tool.
 */
function parametersOf(
  document: Document,
  { item, operation, path }: Found,
  credentials: ReadonlySet<string>,
): Record<string, unknown>[] {
  const byPlace = new Map<string, Record<string, unknown>>();
  for (const list of [item.parameters, operation.parameters]) {
    for (const each of Array.isArray(list) ? list : []) {
      const parameter = resolve(document, each);
      if (!parameter || typeof parameter.name !== 'string' || !places.has(parameter.in)) continue;
      if (parameter.in === 'header' && notAParameter.has(parameter.name.toLowerCase())) continue;
      if (parameter.in === 'header' && !/^[\w!#$%&'*+.^`|~-]+$/.test(parameter.name)) continue;
      if (parameter.in === 'path' && !path.includes(`{${parameter.name}}`)) continue;
      const key = `${parameter.in} ${parameter.name}`;
      if (!credentials.has(key.toLowerCase())) byPlace.set(key, parameter);
    }
  }
  for (const [, name] of path.matchAll(/\{([^{}]+)\}/g)) {
    const key = `path ${name}`;
    if (!byPlace.has(key)) byPlace.set(key, { name, in: 'path', required: true, schema: { type: 'string' } });
  }
  const order = ['path', 'query', 'header', 'cookie'];
  return [...byPlace.values()].sort((one, other) => order.indexOf(String(one.in)) - order.indexOf(String(other.in)));
}

const styles: Record<ParameterPlace, readonly Style[]> = {
  path: ['simple', 'label', 'matrix'],
  query: ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'],
  header: ['simple'],
  cookie: ['form'],
};

function parameterPlan(parameter: Record<string, unknown>, argument: string): ParameterPlan {
  const place = parameter.in as ParameterPlace;
  const legal = styles[place];
  const style = legal.find((each) => each === parameter.style) ?? (legal[0] as Style);
  return {
    argument,
    name: parameter.name as string,
    in: place,
    style,
    explode: typeof parameter.explode === 'boolean' ? parameter.explode : style === 'form' || style === 'deepObject',
    allowReserved: parameter.allowReserved === true && place === 'query',
    asJson: contentOf(parameter) !== null,
    required: parameter.required === true || place === 'path',
  };
}

/** The schema of a parameter that is described by a media type. */
function contentOf({ content, schema }: Record<string, unknown>): { schema: unknown } | null {
  if (schema !== undefined || !isObject(content)) return null;
  const [media] = Object.values(content);
  return { schema: isObject(media) ? media.schema : {} };
}

interface Body {
  plan: BodyPlan;
  schema: unknown;
  description: string;
  /** Where the document's own schema says nothing that JSON could carry. */
  fixed: JsonObject | null;
}

const base64Text = { type: 'string', contentEncoding: 'base64' } as const;
const fileSchema: JsonObject = {
  type: 'object',
  properties: {
    data: { ...base64Text, description: 'The content of the file in base64.' },
    fileName: { type: 'string' },
    contentType: { type: 'string', description: 'Its media type, e.g. image/png.' },
  },
  required: ['data'],
  additionalProperties: false,
};

const mediaType = /^[\w.+*-]+\/[\w.+*-]+( *; *[\w-]+=[\w."-]+)*$/;

/** The easiest of the media types that the operation takes: JSON, forms, text, bytes. */
const bodyKinds: { kind: BodyPlan['kind']; matches: RegExp }[] = [
  { kind: 'json', matches: /^application\/json\b/i },
  { kind: 'json', matches: /^[^;]*[/+]json\b/i },
  { kind: 'form', matches: /^application\/x-www-form-urlencoded\b/i },
  { kind: 'multipart', matches: /^multipart\/form-data\b/i },
  { kind: 'json', matches: /^\*\/\*/ },
  { kind: 'text', matches: /^(text\/|application\/(xml|yaml|x-yaml|graphql)\b|[^;]*\+(xml|yaml)\b)/i },
  { kind: 'binary', matches: /./ },
];

function bodyOf(schemas: Schemas, operation: Record<string, unknown>, method: string): Body | null {
  const { document } = schemas;
  const body = resolve(document, operation.requestBody);
  const content = body && isObject(body.content) ? Object.entries(body.content) : [];
  // What a body of GET and HEAD means is not defined (RFC 9110 §9.3.1); servers and proxies drop or refuse it.
  if (!body || content.length === 0 || method === 'GET' || method === 'HEAD') return null;
  for (const { kind, matches } of bodyKinds) {
    const entry = content.find(([type]) => mediaType.test(type) && matches.test(type));
    if (!entry) continue;
    const media = isObject(entry[1]) ? entry[1] : {};
    const isStar = entry[0].includes('*');
    const contentType = isStar ? (kind === 'json' ? 'application/json' : 'application/octet-stream') : entry[0];
    const hasFields = kind === 'form' || kind === 'multipart';
    return {
      plan: {
        kind,
        contentType,
        required: body.required === true,
        fields: hasFields ? fieldsOf(schemas, media, kind) : {},
      },
      schema: media.schema ?? {},
      description: text(body.description),
      fixed: kind === 'binary' ? base64Text : kind === 'text' ? { type: 'string' } : null,
    };
  }
  return null;
}

function fieldsOf(schemas: Schemas, media: Record<string, unknown>, kind: BodyPlan['kind']): BodyPlan['fields'] {
  const { document } = schemas;
  const encodings = isObject(media.encoding) ? media.encoding : {};
  const properties = new Map(Object.entries(propertiesOf(schemas, media.schema)));
  for (const name of Object.keys(encodings)) if (!properties.has(name)) properties.set(name, {});
  const fields = [...properties].map(([name, value]): [string, FieldPlan] => {
    const encoding = Object.hasOwn(encodings, name) ? resolve(document, encodings[name]) : null;
    const contentType = text(encoding?.contentType).split(',')[0]?.trim();
    return [
      name,
      {
        file: kind === 'multipart' && isFile(schemas, value, contentType),
        ...(contentType && mediaType.test(contentType) && !contentType.includes('*') && { contentType }),
        ...(typeof encoding?.style === 'string' && { style: encoding.style as Style }),
        ...(typeof encoding?.explode === 'boolean' && { explode: encoding.explode }),
        ...(encoding?.allowReserved === true && { allowReserved: true }),
      },
    ];
  });
  return Object.fromEntries(fields);
}

/** Of the schema itself and of those that it is composed of. */
function propertiesOf(schemas: Schemas, schema: unknown, depth = 0): Record<string, unknown> {
  const at = resolve(schemas.document, schema);
  if (!at || depth > 10) return {};
  const parts = Array.isArray(at.allOf) ? at.allOf.map((each) => propertiesOf(schemas, each, depth + 1)) : [];
  return Object.assign({}, ...parts, isObject(at.properties) ? at.properties : {});
}

/** 3.0: format binary or byte. 3.1: contentMediaType or contentEncoding, or a media type of bytes in the encoding. */
function isFile(schemas: Schemas, schema: unknown, contentType: string | undefined): boolean {
  const at = resolve(schemas.document, schema);
  if (!at) return false;
  if (at.type === 'array') return isFile(schemas, at.items, contentType);
  if (at.format === 'binary' || at.format === 'byte' || at.contentEncoding === 'base64') return true;
  if (typeof at.contentMediaType === 'string' && at.contentMediaType !== 'application/json') return true;
  const isBytes = contentType !== undefined && /^(image|audio|video)\/|octet-stream|pdf|zip/.test(contentType);
  return isBytes && (at.type === undefined || at.type === 'string');
}

/**
 * Parameters lie at the top, the body whole under `body`: it may be of any shape (a list, one of several), its rules for
 * required members stay its own, and no name of its can collide with a parameter.
 */
function inputOf(
  schemas: Schemas,
  raw: Record<string, unknown>[],
  plans: ParameterPlan[],
  body: Body | null,
): JsonObject {
  return schemas.build('request', (writer) => {
    const properties: JsonObject = {};
    for (const [at, parameter] of raw.entries()) {
      const plan = plans[at] as ParameterPlan;
      const written = writer.write(contentOf(parameter)?.schema ?? parameter.schema ?? {});
      const described = [text(parameter.description), plan.argument === plan.name ? '' : `(${plan.in} "${plan.name}")`];
      const description = cut(described.filter(Boolean).join(' '), 1_000);
      properties[plan.argument] = { ...written, ...(description && { description }) };
    }
    if (body) {
      const { kind, fields } = body.plan;
      const written = body.fixed ?? writer.write(body.schema);
      const withFiles = kind === 'multipart' ? filesIn(written, fields) : written;
      properties.body = { ...withFiles, ...(body.description && { description: cut(body.description, 1_000) }) };
    }
    const required = plans.filter((plan) => plan.required).map(({ argument }) => argument);
    if (body?.plan.required) required.push('body');
    return { type: 'object', properties, ...(required.length > 0 && { required }), additionalProperties: false };
  });
}

/** A form with files is written out, its files as objects of name, type and content. */
function filesIn(schema: JsonObject, fields: BodyPlan['fields']): JsonObject {
  const files = Object.keys(fields).filter((name) => fields[name]?.file);
  if (files.length === 0) return schema;
  const replace = (at: JsonObject): JsonObject => {
    const made = { ...at };
    if (isObject(at.properties)) {
      made.properties = Object.fromEntries(
        Object.entries(at.properties as JsonObject).map(([name, each]) => {
          if (!files.includes(name)) return [name, each];
          const { type, description } = each as JsonObject;
          const about = description === undefined ? {} : { description };
          return [name, type === 'array' ? { type, items: fileSchema, ...about } : { ...fileSchema, ...about }];
        }),
      );
    }
    if (Array.isArray(at.allOf)) made.allOf = at.allOf.map((each) => replace(each as JsonObject));
    return made;
  };
  return replace(schema);
}

interface Answer {
  status: string;
  content: [string, unknown][];
}

function responsesOf(document: Document, operation: Record<string, unknown>): Answer[] {
  const responses = isObject(operation.responses) ? Object.entries(operation.responses) : [];
  return responses.flatMap(([status, value]) => {
    const response = resolve(document, value);
    return response ? { status, content: isObject(response.content) ? Object.entries(response.content) : [] } : [];
  });
}

const isJsonType = (type: string) => /^[^;]*[/+]json\b/i.test(type);

/** Only where each good answer with content is a JSON object: a tool with a schema must always answer in its form. */
function outputOf(schemas: Schemas, responses: Answer[]): JsonObject | null {
  const good = responses.filter(({ status, content }) => /^2/.test(status) && content.length > 0);
  const all = good.flatMap(({ content }) => content);
  const json = all
    .filter(([type]) => isJsonType(type))
    .map(([, media]) => (isObject(media) ? media.schema : undefined));
  const isWhole = json.length > 0 && json.length === all.length && json.every((each) => schemas.isObjectLike(each));
  if (!isWhole) return null;
  return schemas.build('response', (writer) => {
    const written = json.length === 1 ? writer.write(json[0]) : { anyOf: json.map((each) => writer.write(each)) };
    return { ...written, type: 'object' };
  });
}

function acceptOf(responses: Answer[]): string {
  const good = responses.filter(({ status }) => /^2/.test(status) || status === 'default');
  const named = new Set(good.flatMap(({ content }) => content.map(([type]) => type)));
  const legal = [...named].filter((type) => /^[\w.+*-]+\/[\w.+*-]+( *;[\w=. -]*)?$/.test(type)).slice(0, 8);
  legal.sort((one, other) => Number(isJsonType(other)) - Number(isJsonType(one)));
  if (legal.length === 0) return 'application/json, */*;q=0.5';
  return [...legal, ...(legal.includes('*/*') ? [] : [acceptAll])].join(', ');
}

function annotationsOf(method: string): OperationPlan['tool']['annotations'] {
  const readOnly = method === 'GET' || method === 'HEAD';
  return {
    readOnlyHint: readOnly,
    // POST adds; the others replace or remove what is there.
    destructiveHint: !readOnly && method !== 'POST',
    idempotentHint: readOnly || method === 'PUT' || method === 'DELETE',
    openWorldHint: true,
  };
}

function descriptionOf({ method, path, operation }: Found): string {
  const summary = text(operation.summary);
  const long = text(operation.description);
  const parts = long.startsWith(summary) ? [long] : [summary, long];
  const whole = parts.filter(Boolean).join('\n\n') || `${method} ${path}`;
  return cut(operation.deprecated === true ? `Deprecated. ${whole}` : whole, descriptionChars);
}

/** The address of the first server, its variables at their defaults. */
function serverOf(servers: unknown): string | null {
  const [first] = Array.isArray(servers) ? servers : [];
  if (!isObject(first) || typeof first.url !== 'string') return null;
  const variables = isObject(first.variables) ? first.variables : {};
  return first.url.replace(/\{([^{}]+)\}/g, (whole, name: string) => {
    const variable = Object.hasOwn(variables, name) ? variables[name] : undefined;
    const value = isObject(variable) ? variable.default : undefined;
    return typeof value === 'string' || typeof value === 'number' ? String(value) : whole;
  });
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.trim() : '';
}
