// The setting `credential` of a server: what the rules ask of it beside the other settings, and its one secret, which is
// kept as those of `secrets` are.
import type { SealedValue, servers } from '../../drizzle/schema';
import type { CredentialField, CredentialSetting, OAuthSetting } from '../credentials/schema';
import type { FieldFault } from '../errors';
import { pointerOf } from '../input';
import { hostOf, leadsToRefused } from './addresses';
import { expandSecrets } from './expand';
import { isMasked, maskValue, standIn } from './masking';
import type { Isolation, ServerType } from './schema';
import { variableFault } from './variables';

/** The settings that the rules look at. */
export interface SignInSettings {
  type: ServerType;
  credential?: CredentialSetting | null | undefined;
  isolation?: Isolation | undefined;
  warmInstances?: number | undefined;
  endpoints?: readonly unknown[] | undefined;
  env?: Record<string, unknown> | undefined;
  headers?: Record<string, unknown> | undefined;
  secrets?: Record<string, string> | undefined;
}

/** The same setting with the secret of its client changed by `to`. */
export function mapCredential<V, W>(credential: Record<string, unknown>, to: (value: V) => W): Record<string, unknown> {
  if (credential.clientSecret === undefined) return credential;
  return { ...credential, clientSecret: to(credential.clientSecret as V) };
}

/** @returns the new setting, in which a secret that was sent back masked stands for the stored one */
export function patchCredential(
  stored: Record<string, unknown> | null,
  patch: CredentialSetting,
): Record<string, unknown> {
  const former = stored?.clientSecret as SealedValue | string | undefined;
  return mapCredential<string, string>(patch, (value) =>
    former !== undefined && value === maskValue(former) ? standIn(former) : value,
  );
}

/**
 * What users entered or granted is for the server as it was: another address, or another service that gives the tokens,
 * must not get it.
 */
export function signsInElsewhere(before: Addressee, after: Addressee): boolean {
  return addresseeOf(before) !== addresseeOf(after);
}

type Addressee = Pick<typeof servers.$inferSelect, 'type' | 'url' | 'credential'>;

function addresseeOf({ type, url, credential }: Addressee): string {
  const { kind, per, issuer, clientId } = (credential ?? {}) as Partial<OAuthSetting>;
  const origin = url !== null && URL.canParse(url) ? new URL(url).origin : url;
  return JSON.stringify([type, origin, kind, per, issuer, clientId]);
}

/** The setting with a reference in its secret filled in. */
export function expandCredential(
  credential: Record<string, unknown> | null,
  expand: (values: Record<string, string>) => {
    values: Record<string, string>;
    unset: { key: string; name: string }[];
  },
): { credential: CredentialSetting | null; unset: { key: string; name: string }[] } {
  const setting = credential as CredentialSetting | null;
  if (setting?.kind !== 'oauth' || setting.clientSecret === undefined) return { credential: setting, unset: [] };
  const { values, unset } = expand({ 'credential.clientSecret': setting.clientSecret });
  return { credential: { ...setting, clientSecret: values['credential.clientSecret'] ?? '' }, unset };
}

/** Faults that no row may have. */
export function credentialFaults(server: SignInSettings): FieldFault[] {
  const { type, credential } = server;
  if (!credential) return [];
  if (type === 'openapi')
    return [fault(['credential'], 'belongs to MCP servers: an API has its credentials in "openapi"')];
  const own = credential.kind === 'oauth' ? oauthFaults(server, credential) : staticFaults(server, credential.fields);
  return credential.per === 'user' ? [...own, ...perUserFaults(server)] : own;
}

/** Of the client's secret, where it is not filled in from the hub's environment. */
export function clientSecretFaults({ credential, secrets = {} }: SignInSettings): FieldFault[] {
  const clientSecret = credential?.kind === 'oauth' ? credential.clientSecret : undefined;
  if (clientSecret === undefined) return [];
  const at = ['credential', 'clientSecret'];
  if (isMasked(clientSecret)) return [fault(at, 'is a masked value: enter the real one')];
  const missing = expandSecrets({ clientSecret }, {}).unset.filter(({ name }) => !Object.hasOwn(secrets, name));
  return missing.map(({ name }) =>
    fault(at, `refers to the secret "${name}", which this server does not have: add it to "secrets"`),
  );
}

/** Why a row that was saved nevertheless cannot be used, in a plain sentence; null if it can. */
export function credentialFaultOf(server: SignInSettings): string | null {
  const [first] = credentialFaults(server);
  return first ? `The setting "${first.pointer.slice(1).replaceAll('/', '.')}" ${first.detail}.` : null;
}

function fault(path: (string | number)[], detail: string): FieldFault {
  return { pointer: pointerOf(path), detail };
}

/** What one user signs in to cannot be shared with others. */
function perUserFaults({
  type,
  isolation = 'shared',
  endpoints = [],
  warmInstances = 0,
}: SignInSettings): FieldFault[] {
  const faults: FieldFault[] = [];
  if (type === 'stdio' && isolation === 'shared') {
    const detail = 'must be "user" or "session": a program that all share would have the keys of one of them';
    faults.push(fault(['isolation'], detail));
  }
  if (endpoints.length > 0) {
    faults.push(fault(['endpoints'], 'belongs to shared servers: each user has a connection of its own'));
  }
  if (warmInstances > 0) {
    faults.push(fault(['warmInstances'], 'cannot be had: an instance starts with what its user has entered'));
  }
  return faults;
}

function oauthFaults({ type, headers = {} }: SignInSettings, setting: OAuthSetting): FieldFault[] {
  if (type === 'stdio') {
    return [fault(['credential', 'kind'], 'must be "static": OAuth belongs to servers that have a URL')];
  }
  const { clientId, clientSecret, issuer } = setting;
  const faults = Object.keys(headers)
    .filter((name) => name.toLowerCase() === 'authorization')
    .map((name) => fault(['headers', name], 'is what the sign-in of "credential" sends: take one of them out'));
  if (clientSecret !== undefined) {
    const at = ['credential', 'clientSecret'];
    if (clientId === undefined) faults.push(fault(at, 'needs "clientId": it belongs to a registered client'));
  }
  const wrong = issuer === undefined ? null : issuerFault(issuer);
  return wrong ? [...faults, fault(['credential', 'issuer'], wrong)] : faults;
}

/** RFC 8414, 2: no query, no fragment; https everywhere but on this machine. */
function issuerFault(issuer: string): string | null {
  const url = new URL(issuer);
  if (url.username !== '' || url.password !== '') return 'must have no credentials in it';
  if (url.search !== '' || url.hash !== '') return 'must have no query and no fragment';
  if (leadsToRefused(url)) return 'address not allowed: link-local and metadata addresses';
  const isLoopback = /^(localhost|127(\.\d+){3}|::1)$/.test(hostOf(url));
  return url.protocol === 'https:' || isLoopback ? null : 'must be an https URL';
}

function staticFaults(server: SignInSettings, fields: readonly CredentialField[]): FieldFault[] {
  const seen = new Set<string>();
  return fields.flatMap((field, at) => {
    const faults = server.type === 'stdio' ? variableFaults(server, field, at) : headerFaults(server, field, at);
    const places = [`name ${field.name.toLowerCase()}`, `env ${field.env}`, `header ${field.header?.toLowerCase()}`];
    const double = places.find((place) => seen.has(place) && !place.endsWith(' undefined'));
    for (const place of places) seen.add(place);
    if (double === undefined) return faults;
    return [...faults, fault(['credential', 'fields', at, double.split(' ', 1)[0] ?? ''], 'is that of a field before')];
  });
}

function variableFaults({ env = {} }: SignInSettings, field: CredentialField, at: number): FieldFault[] {
  const place = (name: string) => ['credential', 'fields', at, name];
  if (field.header !== undefined)
    return [fault(place('header'), 'belongs to remote servers: name a variable in "env"')];
  if (field.prefix !== undefined) return [fault(place('prefix'), 'belongs to headers')];
  if (field.env === undefined) return [fault(place('env'), 'is missing: name the variable that holds the value')];
  const wrong = variableFault(field.env) ?? (Object.hasOwn(env, field.env) ? 'is set in "env" already' : null);
  return wrong ? [fault(place('env'), wrong)] : [];
}

/** What the hub itself says to a server with each request. */
const ownHeaders =
  /^(host|connection|content-.*|transfer-encoding|te|trailer|upgrade|keep-alive|expect|accept|accept-encoding|proxy-.*|last-event-id|mcp-.*)$/;

function headerFaults({ headers = {} }: SignInSettings, field: CredentialField, at: number): FieldFault[] {
  const place = (name: string) => ['credential', 'fields', at, name];
  if (field.env !== undefined) return [fault(place('env'), 'belongs to programs: name a header in "header"')];
  if (field.header === undefined) return [fault(place('header'), 'is missing: name the header that carries the value')];
  const name = field.header.toLowerCase();
  if (ownHeaders.test(name)) return [fault(place('header'), 'is set by the hub itself')];
  const isTaken = Object.keys(headers).some((each) => each.toLowerCase() === name);
  return isTaken ? [fault(place('header'), 'is set in "headers" already')] : [];
}
