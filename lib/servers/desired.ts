// What the supervisor works towards: each server's row with its references resolved. Only rows of the operator's own
// file are expanded from the hub's environment; what came by REST or the dashboard sees the server's own secrets only.
import { createHash } from 'node:crypto';
import { eq, sql } from 'drizzle-orm';
import { openapiDocuments, serverCatalogs, servers } from '../../drizzle/schema';
import type { Opener, OpenValue } from '../access/vault/envelope';
import { canonicalJson } from '../canonical-json';
import type { CredentialSetting } from '../credentials/schema';
import type { Db } from '../db/types';
import type { OpenApiSettings } from '../openapi/schema';
import { credentialFaultOf, expandCredential } from './credential';
import { expandSecrets, expandText } from './expand';
import { launchFaultOf, tlsFaultOf } from './launch-rules';
import { expandAuth, secretValuesOf } from './openapi/auth';
import { closedFault, type OpenRow, openRow } from './opened';
import {
  type Balancing,
  type HealthCheck,
  type Isolation,
  remoteUrlSchema,
  type ServerEra,
  type ServerLimits,
  type ServerTls,
  type ServerType,
} from './schema';

/** A server as it shall be. */
export interface DesiredServer {
  id: string;
  name: string;
  type: ServerType;
  /** False: the administrator switched it off. */
  enabled: boolean;
  /** Whether it shall run; false for a stopped or disabled server. */
  running: boolean;
  command: string | null;
  args: string[];
  env: Record<string, string>;
  cwd: string | null;
  url: string | null;
  headers: Record<string, string>;
  /** Values that nobody may read in what is told of the server: logs, states, records of calls. */
  secretValues: string[];
  era: ServerEra;
  /** What it said of itself when it was listed last; null before that. */
  said: Said | null;
  timeoutMs: number | null;
  limits: ServerLimits;
  tls: ServerTls | null;
  healthCheck: HealthCheck | null;
  /** How many processes of it run; stdio only. */
  replicas: number;
  balancing: Balancing;
  /** The addresses of a remote server, where it has several. */
  endpoints: { url: string; weight: number }[];
  isolation: Isolation;
  startOnDemand: boolean;
  idleStopSeconds: number | null;
  warmInstances: number;
  /** How it is signed in to, beside `headers` and `env`; `clientSecret` is filled in. */
  credential: CredentialSetting | null;
  /** Of a server that is made of an OpenAPI document. */
  openapi: OpenApiSettings | null;
  /** SHA-256 (hex) over everything that a running instance depends on; another hash means a restart. */
  hash: string;
  /** Set when the row cannot be used, e.g. a variable without a value: a plain sentence. */
  fault: string | null;
}

/** Shorter ones would hide half of every text, and are no secrets. */
const secretFromLength = 6;
/** As in the handshake with a server. */
export interface Said {
  protocolVersion: string;
  serverInfo: Record<string, unknown>;
  capabilities: Record<string, unknown>;
}

type Launch = Pick<OpenRow, 'command' | 'args' | 'env' | 'cwd' | 'url' | 'headers' | 'endpoints' | 'openapi'> & {
  credential: CredentialSetting | null;
};

/** All servers, by name. A server with a value that does not open has a fault that names it. */
export async function listDesired(
  db: Db,
  processEnv: Record<string, string | undefined>,
  opener: Opener,
): Promise<DesiredServer[]> {
  const rows = await db
    .select({
      row: servers,
      document: openapiDocuments.sha256,
      said: {
        protocolVersion: serverCatalogs.protocolVersion,
        serverInfo: serverCatalogs.serverInfo,
        capabilities: serverCatalogs.capabilities,
      },
    })
    .from(servers)
    .leftJoin(serverCatalogs, eq(serverCatalogs.serverId, servers.id))
    .leftJoin(openapiDocuments, eq(openapiDocuments.serverId, servers.id))
    .orderBy(sql`lower(${servers.name})`);
  // To copy `process.env` calls into the system for each variable: once for all rows, and not for each.
  const variables = { ...processEnv };
  const open = await opener.begin(db);
  return rows.map(({ row: stored, said, document }) => {
    return desiredOfStored(stored, variables, open, said, document);
  });
}

/** Of a row as it is stored. A value that does not open is empty, and the fault names it. */
export function desiredOfStored(
  stored: typeof servers.$inferSelect,
  processEnv: Record<string, string | undefined>,
  open: OpenValue,
  said: Said | null = null,
  documentHash: string | null = null,
): DesiredServer {
  const { row, closed } = openRow(stored, open);
  const desired = desiredOf(row, processEnv, said, documentHash);
  return closed.length > 0 ? { ...desired, fault: closedFault(closed) } : desired;
}

/** Pure. */
export function desiredOf(
  row: OpenRow,
  processEnv: Record<string, string | undefined>,
  said: Said | null = null,
  documentHash: string | null = null,
): DesiredServer {
  const { launch, fault } = row.source === 'file' ? expandLaunch(row, processEnv) : fillIn(row);
  const { command, args, env, cwd, url, headers } = launch;
  const identity = [row.type, command, args, Object.entries(env).sort(), cwd, url, Object.entries(headers).sort()];
  // Rows from before these settings keep their hash, so that they restart nothing. Other limits hold without a restart.
  if (row.era !== 'auto') identity.push(row.era);
  if (row.limits.openFiles !== undefined) identity.push(`openFiles ${row.limits.openFiles}`);
  if (row.tls !== null) identity.push(JSON.stringify(['tls', row.tls.ca, row.tls.serverName]));
  if (launch.openapi) identity.push(`openapi ${canonicalJson(launch.openapi)} ${documentHash}`);
  if (launch.credential) identity.push(`credential ${canonicalJson(launch.credential)}`);
  return {
    id: row.id,
    name: row.name,
    type: row.type,
    enabled: row.enabled,
    running: row.enabled && row.desired === 'running',
    command,
    args,
    env,
    cwd,
    url,
    headers,
    secretValues: hiddenValues(row, launch),
    era: row.era,
    said,
    timeoutMs: row.timeoutMs,
    limits: row.limits,
    tls: row.tls,
    healthCheck: row.healthCheck,
    replicas: row.type === 'stdio' && row.isolation === 'shared' ? row.replicas : 1,
    balancing: row.balancing,
    endpoints: row.isolation === 'shared' ? endpointsOf(launch) : [],
    // Whose credential it is, decides whose connection it is.
    isolation: launch.credential?.per === 'user' && row.isolation === 'shared' ? 'user' : row.isolation,
    startOnDemand: row.startOnDemand,
    idleStopSeconds: row.idleStopSeconds,
    warmInstances: row.warmInstances,
    credential: launch.credential,
    openapi: launch.openapi,
    hash: createHash('sha256').update(JSON.stringify(identity)).digest('hex'),
    fault:
      fault ??
      launchFaultOf(launch) ??
      credentialFaultOf({ ...row, credential: launch.credential }) ??
      tlsFaultOf(row.tls),
  };
}

/** A variable may be a plain setting, whose value is in every other text: only those with telling names are hidden. */
const tellingName = /passw|secret|token|auth|key|cookie|credential|pwd/i;

function hiddenValues(row: OpenRow, { env, headers, openapi, credential }: Launch): string[] {
  const variables = Object.entries(env).flatMap(([name, value]) => (tellingName.test(name) ? [value] : []));
  // Without its scheme, the rest of a header's value is the secret.
  const sent = Object.values(headers).flatMap((value) => [value, value.replace(/^[A-Za-z]+ +/, '')]);
  const ofClient = credential?.kind === 'oauth' && credential.clientSecret ? [credential.clientSecret] : [];
  const values = [...Object.values(row.secrets), ...secretValuesOf(openapi), ...ofClient, ...variables, ...sent];
  return [...new Set(values)].filter((value) => value.length >= secretFromLength);
}

/** All addresses of a server that has several, its `url` first. */
function endpointsOf({ url, endpoints }: Launch): DesiredServer['endpoints'] {
  if (endpoints.length === 0 || url === null) return [];
  return endpoints.some((each) => each.url === url) ? endpoints : [{ url, weight: 1 }, ...endpoints];
}

/** Puts the server's secrets in their places. */
function fillIn(row: OpenRow): { launch: Launch; fault: string | null } {
  const env = expandSecrets(row.env, row.secrets);
  const headers = expandSecrets(row.headers, row.secrets);
  const auth = expandAuth(row.openapi, (values) => expandSecrets(values, row.secrets));
  const signIn = expandCredential(row.credential, (values) => expandSecrets(values, row.secrets));
  const [first] = [...env.unset, ...headers.unset, ...auth.unset, ...signIn.unset];
  const { credential } = signIn;
  const launch = { ...row, env: env.values, headers: headers.values, openapi: auth.settings, credential };
  return { launch, fault: first ? secretFault(first) : null };
}

function secretFault({ key, name }: { key: string; name: string }): string {
  return `The secret "${name}", which "${key}" refers to, has no value yet: enter it in the settings of the server.`;
}

/** A secret of the entry's own comes before a variable of that name. */
function expandLaunch(row: OpenRow, environment: Record<string, string | undefined>) {
  const variables = Object.keys(row.secrets).length === 0 ? environment : { ...environment, ...row.secrets };
  const unset = new Set<string>();
  const expand = (text: string) => {
    const result = expandText(text, variables);
    for (const name of result.unset) unset.add(name);
    return result.text;
  };
  const expandMap = (values: Record<string, string>) =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, expand(value)]));
  const launch: Launch = {
    command: row.command === null ? null : expand(row.command),
    args: row.args.map(expand),
    env: expandMap(row.env),
    cwd: row.cwd === null ? null : expand(row.cwd),
    url: row.url === null ? null : expand(row.url),
    headers: expandMap(row.headers),
    endpoints: row.endpoints.map(({ url, weight }) => ({ url: expand(url), weight })),
    openapi: expandAuth(row.openapi, (values) => ({ values: expandMap(values), unset: [] })).settings,
    credential: expandCredential(row.credential, (values) => ({ values: expandMap(values), unset: [] })).credential,
  };
  const urls = [launch.url, ...launch.endpoints.map(({ url }) => url)];
  const given = [row.url, ...row.endpoints.map(({ url }) => url)];
  const urlFaults = urls.map((url, at) => urlFault(row, url, given[at] ?? null));
  return { launch, fault: unsetFault(row, [...unset]) ?? urlFaults.find((each) => each !== null) ?? null };
}

function unsetFault(row: OpenRow, names: string[]): string | null {
  if (names.length === 0) return null;
  const plural = names.length > 1;
  const list = names.map((name) => `"${name}"`).join(', ');
  return (
    `The variable${plural ? 's' : ''} ${list} in the entry "${row.label ?? row.name}" of ${row.sourceFile ?? 'the servers file'} ` +
    `${plural ? 'have' : 'has'} no value: set ${plural ? 'them' : 'it'} in the hub's environment and start the hub ` +
    `again, or write \${${names[0]}:-default}.`
  );
}

/** A URL with references could not be checked when the file was read. */
function urlFault(row: OpenRow, url: string | null, given: string | null): string | null {
  if (url === null || url === given || remoteUrlSchema.safeParse(url).success) return null;
  return `The URL of "${row.label ?? row.name}" is not usable once its variables are filled in: it must be an http or https URL without credentials in it.`;
}
