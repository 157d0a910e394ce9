// One entry of any client's configuration → our shape of a server. The words of all clients are read alike: they do not
// contradict each other but for Gemini's `url`, which the caller tells apart.

/** What an entry says, not checked against our schema yet. */
export interface ReadEntry {
  /** Fields of ServerInput without the name. */
  server: Record<string, unknown>;
  /** Which key of the entry gave each field, to point at faults. */
  keys: Map<string, string>;
  /** Keys that we do not know, kept for an export. */
  extra: Record<string, unknown>;
  warnings: string[];
  /** A reason why the entry cannot be used at all. */
  fault: { key: string | null; detail: string } | null;
}

/** Our field → the words for it, the surest first. */
const words: Record<string, readonly string[]> = {
  command: ['command', 'cmd'],
  args: ['args'],
  env: ['env', 'environment', 'envs'],
  cwd: ['cwd'],
  url: ['httpUrl', 'serverUrl', 'url', 'uri', 'baseUrl'],
  headers: ['headers', 'http_headers'],
  secrets: ['secrets'],
  tls: ['tls'],
  healthCheck: ['healthCheck'],
  type: ['type', 'transport'],
  enabled: ['enabled', 'disabled'],
  era: ['era'],
  timeoutMs: ['timeoutMs', 'timeout'],
  limits: ['limits'],
  description: ['description'],
  openapi: ['openapi'],
  replicas: ['replicas'],
  endpoints: ['endpoints'],
  balancing: ['balancing'],
  repeatSafeCalls: ['repeatSafeCalls'],
  definitionChanges: ['definitionChanges'],
  toolList: ['toolList'],
  isolation: ['isolation'],
  startOnDemand: ['startOnDemand'],
  idleStopSeconds: ['idleStopSeconds'],
  warmInstances: ['warmInstances'],
  credential: ['credential'],
};

type Transport = 'stdio' | 'streamable-http' | 'sse' | 'openapi';

const transports: Record<string, Transport> = {
  stdio: 'stdio',
  local: 'stdio',
  http: 'streamable-http',
  remote: 'streamable-http',
  streamable: 'streamable-http',
  'streamable-http': 'streamable-http',
  streamablehttp: 'streamable-http',
  streamable_http: 'streamable-http',
  sse: 'sse',
  openapi: 'openapi',
};

const stdioFields = ['command', 'args', 'env', 'cwd', 'replicas'];
const remoteFields = ['url', 'headers', 'endpoints', 'tls', 'openapi'];

/** @param urlIsSse in this client's files a bare `url` means the old SSE transport */
export function readEntry(entry: Record<string, unknown>, { urlIsSse = false } = {}): ReadEntry {
  const keys = new Map<string, string>();
  for (const [field, candidates] of Object.entries(words)) {
    const key = candidates.find((candidate) => Object.hasOwn(entry, candidate) && entry[candidate] !== null);
    if (key !== undefined) keys.set(field, key);
  }
  const read: ReadEntry = { server: {}, keys, extra: {}, warnings: [], fault: null };
  const raw = (field: string): unknown => (keys.has(field) ? entry[keys.get(field) as string] : undefined);
  const type = transportOf(entry, raw('type'), keys, urlIsSse);
  if (typeof type !== 'string') return { ...read, fault: type };
  const foreign =
    type === 'stdio'
      ? remoteFields
      : type === 'openapi'
        ? [...stdioFields, 'endpoints', 'credential']
        : [...stdioFields, 'openapi'];
  for (const field of foreign) keys.delete(field);
  keys.delete('type');
  const used = new Set([...keys.values(), ...(words.type ?? [])]);
  read.extra = Object.fromEntries(Object.entries(entry).filter(([key]) => !used.has(key) && key !== 'name'));
  read.server.type = type;
  for (const field of keys.keys()) read.server[field] = raw(field);
  if (type === 'openapi') nameDocument(read);
  tidy(read);
  return read;
}

function transportOf(
  entry: Record<string, unknown>,
  word: unknown,
  keys: ReadonlyMap<string, string>,
  urlIsSse: boolean,
): Transport | NonNullable<ReadEntry['fault']> {
  const type = word === undefined ? guessTransport(entry, keys, urlIsSse) : transports[String(word).toLowerCase()];
  if (type !== undefined) return type;
  const detail =
    word === undefined
      ? 'needs "command" (a program to start) or "url" (a remote server)'
      : `has the unknown type ${JSON.stringify(word)}: use "stdio", "http", "sse" or "openapi"`;
  return { key: keys.get('type') ?? null, detail };
}

function guessTransport(entry: Record<string, unknown>, keys: ReadonlyMap<string, string>, urlIsSse: boolean) {
  if (keys.has('command')) return 'stdio';
  const key = keys.get('url');
  if (key === undefined) return undefined;
  const isSse = key === 'url' && (urlIsSse || /\/sse\/?([?#]|$)/.test(String(entry[key])));
  return isSse ? 'sse' : 'streamable-http';
}

/** `url` is the address of the document; everything else stands in `openapi`. */
function nameDocument({ server }: ReadEntry): void {
  const { url, openapi } = server;
  delete server.url;
  if (url === undefined) return;
  server.openapi = { ...(typeof openapi === 'object' ? openapi : {}), documentUrl: url };
}

/** Brings harmless differences of writing into our form; what is really wrong is left for the schema to say. */
function tidy({ server, keys, warnings }: ReadEntry): void {
  if (Array.isArray(server.command)) {
    const [command, ...args] = server.command;
    server.command = command;
    server.args = [...args, ...(Array.isArray(server.args) ? server.args : [])];
  }
  if (Array.isArray(server.args)) server.args = server.args.map(textOf);
  for (const field of ['env', 'headers', 'secrets']) {
    const values = server[field];
    if (typeof values !== 'object' || values === null || Array.isArray(values)) continue;
    server[field] = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, textOf(value)]));
  }
  if (keys.get('enabled') === 'disabled' && typeof server.enabled === 'boolean') server.enabled = !server.enabled;
  if (typeof server.timeoutMs === 'number' && server.timeoutMs > 0 && server.timeoutMs < 100) {
    warnings.push(`The timeout of ${server.timeoutMs} is taken as seconds.`);
    server.timeoutMs *= 1000;
  }
}

function textOf(value: unknown): unknown {
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
}
