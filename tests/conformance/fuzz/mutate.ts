// Valid requests of both eras, and ways to spoil them: the JSON, its text, its bytes, the headers. All choices come from
// one seeded generator, so that a seed names a run.
import { modernVersion } from '../../support/modern';

export type Random = () => number;

/** mulberry32: small, fast and the same everywhere. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface FuzzRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Buffer;
}

type Json = Record<string, unknown>;

const pick = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
const below = (random: Random, bound: number) => Math.floor(random() * bound);

const messages: [method: string, params?: Json][] = [
  ['ping'],
  ['tools/list'],
  ['tools/list', { cursor: 'abc' }],
  ['tools/call', { name: 'echo', arguments: { text: 'hello', nested: { list: [1, 2, 3] } } }],
  ['tools/call', { name: 'echo', arguments: {}, _meta: { progressToken: 7 } }],
  ['resources/list'],
  ['resources/templates/list'],
  ['resources/read', { uri: 'memo://one' }],
  ['resources/subscribe', { uri: 'memo://one' }],
  ['resources/unsubscribe', { uri: 'memo://one' }],
  ['prompts/list'],
  ['prompts/get', { name: 'greet', arguments: { who: 'you' } }],
  ['completion/complete', { ref: { type: 'ref/prompt', name: 'greet' }, argument: { name: 'who', value: 'y' } }],
  ['logging/setLevel', { level: 'info' }],
  ['server/discover'],
  ['subscriptions/listen', { notifications: { toolsListChanged: true, resourceSubscriptions: ['memo://one'] } }],
  ['tools/call', { name: 'echo', arguments: {}, inputResponses: { a: { action: 'accept' } }, requestState: 'abc.def' }],
  ['tasks/get', { taskId: 'abc' }],
];
const notifications: Json[] = [
  { jsonrpc: '2.0', method: 'notifications/initialized' },
  { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1, reason: 'no' } },
  { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress: 1 } },
  { jsonrpc: '2.0', method: 'notifications/roots/list_changed' },
  { jsonrpc: '2.0', id: 'q-1', result: { action: 'accept', content: {} } },
  { jsonrpc: '2.0', id: 2, error: { code: -1, message: 'no' } },
];
const initialize: Json = {
  protocolVersion: '2025-11-25',
  capabilities: { roots: {}, sampling: {}, elicitation: {} },
  clientInfo: { name: 'fuzz', version: '1' },
};

const longText = 'x'.repeat(20_000);
const nasty: unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  -0,
  2 ** 53,
  '',
  ' ',
  '\u0000',
  '\uD800',
  '__proto__',
  'constructor',
  'toString',
  '../../etc/passwd',
  'a\r\nb: c',
  '=?base64?AAAA?=',
  '=?base64?%%%?=',
  longText,
  [],
  [[]],
  [null],
  {},
  { __proto__: null, toString: 1 },
  { length: -1 },
  'mcphub:one:memo://one',
  'one__echo',
];
const keys = [
  'jsonrpc',
  'id',
  'method',
  'params',
  '_meta',
  'name',
  'uri',
  'arguments',
  '__proto__',
  'constructor',
  '',
  'x',
];

/** Changes one place somewhere in a value, in place where it can. */
function mutateJson(random: Random, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || random() < 0.1) return structuredClone(pick(random, nasty));
  const own = Object.keys(value);
  const key = pick(random, own.length > 0 ? own : ['x']);
  const target = value as Json;
  const kind = random();
  if (kind < 0.2) delete target[key];
  else if (kind < 0.45) target[key] = structuredClone(pick(random, nasty));
  else if (kind < 0.55)
    Object.defineProperty(target, pick(random, keys), {
      value: structuredClone(pick(random, nasty)),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  else if (kind < 0.6) return [value];
  else target[key] = mutateJson(random, target[key]);
  return value;
}

function mutateText(random: Random, text: string): string {
  const at = below(random, text.length);
  switch (below(random, 7)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return (
        text.slice(0, at) +
        pick(random, ['{', '}', '[', ']', '"', ',', ':', '\\', '\\u', '\uFEFF', '\n', '1e999', '//']) +
        text.slice(at)
      );
    case 2:
      return `${text}${text}`;
    case 3:
      return text.replace('{', '{"id":1,"id":null,"method":"ping","method":"x",');
    case 4:
      return text.replace(
        /"([a-z]+)"/,
        (_all, word: string) => `"\\u${word.charCodeAt(0).toString(16).padStart(4, '0')}${word.slice(1)}"`,
      );
    case 5:
      return `${'['.repeat(100)}${text}${']'.repeat(100)}`;
    default:
      return text.slice(0, at) + text.slice(at + 1 + below(random, 10));
  }
}

export function mutateBytes(random: Random, bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  for (let left = 1 + below(random, 4); left > 0 && copy.length > 0; left -= 1) {
    copy[below(random, copy.length)] = below(random, 256);
  }
  return random() < 0.2 ? copy.subarray(0, below(random, copy.length)) : copy;
}

const headerValues = [
  '',
  ' ',
  '0',
  'x',
  '\xe4',
  '=?base64?aGk=?=',
  '=?base64?!?=',
  '2025-11-25',
  '2024-11-05',
  modernVersion,
  '2099-01-01',
  'a, b',
  longText.slice(0, 4000),
  '"',
  ';',
  '__proto__',
];
const headerNames = [
  'mcp-session-id',
  'mcp-protocol-version',
  'mcp-method',
  'mcp-name',
  'mcp-param-region',
  'accept',
  'content-type',
  'last-event-id',
  'origin',
  'x-request-id',
  'content-encoding',
  'forwarded',
];

function mutateHeaders(random: Random, headers: Record<string, string>): void {
  const name = random() < 0.5 ? pick(random, Object.keys(headers)) : pick(random, headerNames);
  if (name === 'authorization') return; // whose request it is stays
  if (random() < 0.3) delete headers[name];
  else if (name === 'mcp-session-id' && headers[name]) headers[name] = mutateSession(random, headers[name]);
  else headers[name] = pick(random, headerValues);
}

function mutateSession(random: Random, id: string): string {
  const at = below(random, id.length);
  return random() < 0.5 ? id.slice(0, at) : id.slice(0, at) + pick(random, ['A', '_', '.', '~']) + id.slice(at + 1);
}

const paths = [
  '/api/mcp',
  '/api/mcp/one',
  '/api/mcp/',
  '/api/mcp/none',
  '/api/mcp/one/sse',
  '/api/mcp/%00',
  '/api/mcp/one?x=1',
  '/api/mcp//one',
];

/** One request, spoiled up to four times: one of five is still valid, so that the others come between real work. */
export function spoil(random: Random, authorization: string, session: string): FuzzRequest {
  const isModern = random() < 0.5;
  const headers: Record<string, string> = {
    authorization,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  };
  let message: Json;
  const [method, params] = pick(random, messages);
  if (isModern) {
    const _meta = {
      ...(params?._meta as Json),
      'io.modelcontextprotocol/protocolVersion': modernVersion,
      'io.modelcontextprotocol/clientCapabilities': { elicitation: {}, sampling: {} },
      'io.modelcontextprotocol/clientInfo': { name: 'fuzz', version: '1' },
    };
    message = { jsonrpc: '2.0', id: below(random, 1000), method, params: { ...params, _meta } };
    headers['mcp-protocol-version'] = modernVersion;
    headers['mcp-method'] = method;
    const name = params?.name ?? params?.uri;
    if (typeof name === 'string') headers['mcp-name'] = name;
  } else if (random() < 0.02) {
    message = { jsonrpc: '2.0', id: 1, method: 'initialize', params: structuredClone(initialize) };
  } else {
    headers['mcp-session-id'] = session;
    message =
      random() < 0.15
        ? structuredClone(pick(random, notifications))
        : { jsonrpc: '2.0', id: below(random, 1000), method, params: structuredClone(params) };
  }

  let value: unknown = message;
  let isText = false;
  let text = '';
  let bytes: Buffer | undefined;
  for (let left = below(random, 5); left > 0; left -= 1) {
    const kind = random();
    if (kind < 0.5 && !isText) value = mutateJson(random, value);
    else if (kind < 0.7) mutateHeaders(random, headers);
    else if (!bytes) {
      text = mutateText(random, isText ? text : (JSON.stringify(value) ?? ''));
      isText = true;
      if (random() < 0.4) bytes = mutateBytes(random, Buffer.from(text));
    }
  }
  return {
    method: random() < 0.985 ? 'POST' : pick(random, ['GET', 'DELETE', 'PUT', 'OPTIONS', 'HEAD']),
    path: random() < 0.9 ? '/api/mcp/one' : pick(random, paths),
    headers,
    body: bytes ?? Buffer.from(isText ? text : (JSON.stringify(value) ?? '')),
  };
}

/** The same as it goes over the wire, for requests whose framing is spoiled too. */
export function toWire({ method, path, headers, body }: FuzzRequest, host: string): Buffer {
  const lines = Object.entries({ host, ...headers, 'content-length': String(body.length) });
  const head = `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}
