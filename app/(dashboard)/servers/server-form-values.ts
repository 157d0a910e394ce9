// What the form of a server holds, and the way to and from the shapes of lib/servers.
import type {
  Balancing,
  DefinitionPolicy,
  Isolation,
  ServerEra,
  ServerInput,
  ServerLimit,
  ServerLimits,
  ServerPatch,
  ServerType,
  ServerView,
} from '@/lib/servers/schema';
import { limitNames, limitsOf } from './limit-words';
import { type SignInValues, signInOf, signInValues } from './sign-in-values';

export interface Pair {
  key: string;
  value: string;
}

export interface ServerFormValues extends SignInValues {
  type: ServerType;
  name: string;
  description: string;
  command: string;
  /** One argument per line. */
  args: string;
  cwd: string;
  env: Pair[];
  url: string;
  headers: Pair[];
  secrets: Pair[];
  /** PEM. */
  tlsCa: string;
  tlsServerName: string;
  checkSeconds: string;
  checkTimeoutSeconds: string;
  era: ServerEra;
  timeoutSeconds: string;
  prefix: 'always' | 'never';
  /** As they were typed; empty: no limit. */
  limits: Record<ServerLimit, string>;
  enabled: boolean;
  replicas: string;
  /** One address per line, with its weight after a space. */
  endpoints: string;
  balancing: Balancing;
  isolation: Isolation;
  startOnDemand: boolean;
  idleStopSeconds: string;
  warmInstances: string;
  repeatSafeCalls: boolean;
  definitionChanges: DefinitionPolicy;
}

const limitTexts = (limits: ServerLimits) =>
  Object.fromEntries(limitNames.map((name) => [name, String(limits[name] ?? '')])) as Record<ServerLimit, string>;

export const emptyServerForm: ServerFormValues = {
  type: 'stdio',
  name: '',
  description: '',
  command: '',
  args: '',
  cwd: '',
  env: [],
  url: '',
  headers: [],
  secrets: [],
  tlsCa: '',
  tlsServerName: '',
  checkSeconds: '',
  checkTimeoutSeconds: '',
  era: 'auto',
  timeoutSeconds: '',
  prefix: 'never',
  limits: limitTexts({}),
  enabled: true,
  replicas: '',
  endpoints: '',
  balancing: 'round-robin',
  isolation: 'shared',
  startOnDemand: false,
  idleStopSeconds: '',
  warmInstances: '',
  repeatSafeCalls: false,
  definitionChanges: 'warn',
  ...signInValues(null),
};

export function valuesOf(server: ServerView): ServerFormValues {
  return {
    type: server.type,
    name: server.name,
    description: server.description,
    command: server.command ?? '',
    args: server.args.join('\n'),
    cwd: server.cwd ?? '',
    env: pairsOf(server.env),
    url: server.url ?? '',
    headers: pairsOf(server.headers),
    secrets: pairsOf(server.secrets),
    tlsCa: server.tls?.ca ?? '',
    tlsServerName: server.tls?.serverName ?? '',
    checkSeconds: String(server.healthCheck?.intervalSeconds ?? ''),
    checkTimeoutSeconds: String(server.healthCheck?.timeoutSeconds ?? ''),
    era: server.era,
    timeoutSeconds: server.timeoutMs === null ? '' : String(server.timeoutMs / 1_000),
    prefix: server.prefix,
    limits: limitTexts(server.limits),
    enabled: server.enabled,
    replicas: server.replicas > 1 ? String(server.replicas) : '',
    endpoints: server.endpoints.map(({ url, weight }) => `${url} ${weight}`).join('\n'),
    balancing: server.balancing,
    isolation: server.isolation,
    startOnDemand: server.startOnDemand,
    idleStopSeconds: String(server.idleStopSeconds ?? ''),
    warmInstances: server.warmInstances > 0 ? String(server.warmInstances) : '',
    repeatSafeCalls: server.repeatSafeCalls,
    definitionChanges: server.definitionChanges,
    ...signInValues(server.credential),
  };
}

/**
 * The input that these values mean; empty optional fields are left out. Not validated here. What an OpenAPI server takes
 * from its document is not among them (openapi/openapi-form.tsx).
 */
export function inputOf(values: ServerFormValues): ServerInput {
  const limits = Object.fromEntries(
    limitsOf(values.type)
      .filter(({ name }) => values.limits[name].trim() !== '')
      .map(({ name }) => [name, Number(values.limits[name])]),
  );
  const common = {
    name: values.name.trim(),
    ...(values.description.trim() && { description: values.description.trim() }),
    ...(values.timeoutSeconds.trim() && { timeoutMs: Math.round(Number(values.timeoutSeconds) * 1_000) }),
    prefix: values.prefix,
    ...(Object.keys(limits).length > 0 && { limits }),
    ...healthCheckOf(values),
    ...(values.secrets.length > 0 && { secrets: recordOf(values.secrets) }),
    enabled: values.enabled,
    ...(values.repeatSafeCalls && { repeatSafeCalls: true }),
    ...(values.definitionChanges !== 'warn' && { definitionChanges: values.definitionChanges }),
  };
  if (values.type === 'openapi') {
    return { ...common, type: 'openapi', headers: recordOf(values.headers), ...tlsOf(values), openapi: {} };
  }
  const shared = { ...common, ...policyOf(values), ...signInOf(values) };
  const era = values.era === 'auto' ? {} : { era: values.era };
  const isShared = values.isolation === 'shared';
  const balancing = isShared ? values.balancing : 'round-robin';
  if (values.type === 'stdio') {
    return {
      ...shared,
      ...era,
      type: 'stdio',
      command: values.command.trim(),
      args: linesOf(values.args),
      env: recordOf(values.env),
      ...(values.cwd.trim() && { cwd: values.cwd.trim() }),
      ...(isShared && values.replicas.trim() && { replicas: Number(values.replicas) }),
      ...(balancing === 'least-connections' && { balancing }),
    };
  }
  const endpoints = linesOf(isShared ? values.endpoints : '').map((line) => {
    const [url = '', weight = '1'] = line.split(/\s+/);
    return { url, weight: Number(weight) };
  });
  const remote = {
    url: values.url.trim(),
    headers: recordOf(values.headers),
    ...tlsOf(values),
    ...(endpoints.length > 0 && { endpoints }),
    ...(balancing !== 'round-robin' && { balancing }),
  };
  // HTTP+SSE is of one era only.
  return values.type === 'sse'
    ? { ...shared, type: 'sse', ...remote }
    : { ...shared, ...era, type: values.type, ...remote };
}

/** The change from `server` to these values: env, headers and secrets are merged by name, so what was removed becomes null. */
export function patchOf(server: ServerView, values: ServerFormValues): ServerPatch {
  const input = inputOf(values);
  const shown = limitsOf(server.type).map(({ name }) => [name, server.limits[name]]);
  const limits = Object.fromEntries(shown.filter(([, value]) => value !== undefined));
  const common = {
    ...(input.name !== server.name && { name: input.name }),
    description: values.description.trim(),
    timeoutMs: input.timeoutMs ?? null,
    prefix: values.prefix,
    limits: { ...removed(limits, input.limits), ...input.limits },
    secrets: { ...removed(server.secrets, input.secrets), ...input.secrets },
    enabled: values.enabled,
    healthCheck: input.healthCheck ?? null,
    repeatSafeCalls: values.repeatSafeCalls,
    definitionChanges: values.definitionChanges,
  };
  if (input.type === 'openapi') return { ...common, ...remotePatch(server, input) };
  const shared = {
    ...common,
    balancing: input.balancing ?? null,
    isolation: values.isolation,
    startOnDemand: values.startOnDemand,
    idleStopSeconds: input.idleStopSeconds ?? null,
    warmInstances: input.warmInstances ?? null,
    credential: input.credential ?? null,
    ...(server.type !== 'sse' && { era: values.era }),
  };
  if (input.type === 'stdio') {
    const { command, args, env, cwd } = input;
    return {
      ...shared,
      command,
      args,
      env: { ...removed(server.env, env), ...env },
      cwd: cwd ?? null,
      replicas: input.replicas ?? null,
    };
  }
  return { ...shared, url: input.url, endpoints: input.endpoints ?? null, ...remotePatch(server, input) };
}

function remotePatch(server: ServerView, { tls, headers }: Pick<ServerInput & { type: 'openapi' }, 'tls' | 'headers'>) {
  return { tls: tls ?? null, headers: { ...removed(server.headers, headers), ...headers } };
}

/** What has no effect beside the rest is left out, as it is not shown. */
function policyOf({ isolation, startOnDemand, idleStopSeconds, warmInstances }: ServerFormValues) {
  const isShared = isolation === 'shared';
  const hasIdle = (!isShared || startOnDemand) && idleStopSeconds.trim() !== '';
  return {
    ...(!isShared && { isolation }),
    ...(startOnDemand && { startOnDemand }),
    ...(hasIdle && { idleStopSeconds: Number(idleStopSeconds) }),
    ...(!isShared && warmInstances.trim() !== '' && { warmInstances: Number(warmInstances) }),
  };
}

function tlsOf({ tlsCa, tlsServerName }: ServerFormValues) {
  const ca = tlsCa.trim();
  const serverName = tlsServerName.trim();
  return ca || serverName ? { tls: { ...(ca && { ca }), ...(serverName && { serverName }) } } : {};
}

function healthCheckOf({ checkSeconds, checkTimeoutSeconds }: ServerFormValues) {
  if (!checkSeconds.trim() && !checkTimeoutSeconds.trim()) return {};
  const timeout = checkTimeoutSeconds.trim();
  return {
    healthCheck: { intervalSeconds: Number(checkSeconds), ...(timeout && { timeoutSeconds: Number(timeout) }) },
  };
}

function pairsOf(record: Record<string, string>): Pair[] {
  return Object.entries(record).map(([key, value]) => ({ key, value }));
}

function recordOf(pairs: readonly Pair[]): Record<string, string> {
  return Object.fromEntries(pairs.filter(({ key }) => key.trim() !== '').map(({ key, value }) => [key.trim(), value]));
}

function removed(before: object, after: object = {}): Record<string, null> {
  return Object.fromEntries(
    Object.keys(before)
      .filter((key) => !(key in after))
      .map((key) => [key, null]),
  );
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
