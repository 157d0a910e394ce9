// What the form of an OpenAPI server holds, and the settings that it means. Secret values become secrets of the server,
// and the credentials refer to them.
import type { DocumentReading, OpenApiSettings } from '@/lib/openapi/schema';
import { nameSchema } from '@/lib/servers/schema';

type Scheme = DocumentReading['schemes'][number];
/** By scheme and field, as typed. An empty secret means the stored one, if there is one. */
export type Typed = Record<string, Record<string, string>>;

/** Above so many tokens of tools a model has little room left for its work. */
export const manyTokens = 20_000;
/** As many tools as one server may list. */
export const mostTools = 1_000;

export interface CredentialField {
  field: string;
  label: string;
  secret: boolean;
}

const tokenField = { field: 'token', label: 'Token', secret: true };
const fieldsOfKind: Record<Scheme['kind'], CredentialField[]> = {
  apiKey: [{ field: 'value', label: 'Key', secret: true }],
  basic: [
    { field: 'username', label: 'User name', secret: false },
    { field: 'password', label: 'Password', secret: true },
  ],
  bearer: [tokenField],
  oauth2: [
    { field: 'clientId', label: 'Client id', secret: false },
    { field: 'clientSecret', label: 'Client secret', secret: true },
    { field: 'scopes', label: 'Scopes, separated by spaces', secret: false },
  ],
  unsupported: [],
};

export function credentialFields({ kind }: Scheme): CredentialField[] {
  return fieldsOfKind[kind];
}

export function schemeWords({ kind, in: place, parameter }: Scheme): string {
  if (kind === 'apiKey') return `API key in the ${place} "${parameter}"`;
  if (kind === 'basic') return 'User name and password (HTTP Basic)';
  if (kind === 'bearer') return 'Token (Bearer)';
  return kind === 'oauth2' ? 'OAuth 2.0 client credentials' : 'of a kind that the hub cannot use';
}

/** What is typed in again where it is not secret. */
export function typedOf(auth: OpenApiSettings['auth'] = {}): Typed {
  const plain = ['username', 'clientId', 'scopes'];
  return Object.fromEntries(
    Object.entries(auth).map(([scheme, given]) => [
      scheme,
      Object.fromEntries(Object.entries(given).filter(([field]) => plain.includes(field))),
    ]),
  );
}

/**
 * The credentials that were typed, with a reference in place of each secret, and those secrets.
 * @param stored what the server has: a secret that was not typed again stays as it is
 */
export function credentialsOf(schemes: Scheme[], typed: Typed, stored: NonNullable<OpenApiSettings['auth']> = {}) {
  const secrets: Record<string, string> = {};
  const auth: NonNullable<OpenApiSettings['auth']> = {};
  for (const scheme of schemes) {
    const former: Record<string, string | undefined> = stored[scheme.name] ?? {};
    const given: Record<string, string> = {};
    for (const { field, secret } of credentialFields(scheme)) {
      const value = typed[scheme.name]?.[field]?.trim() ?? '';
      if (!secret && value) given[field] = value;
      else if (secret && value) {
        const name = secretName(scheme.name, field);
        secrets[name] = value;
        given[field] = `\${${name}}`;
      } else if (secret && former[field]) given[field] = former[field];
    }
    if (Object.keys(given).length > 0) {
      auth[scheme.name] = { ...(former.tokenUrl && { tokenUrl: former.tokenUrl }), ...given };
    }
  }
  return { auth, secrets };
}

function secretName(scheme: string, field: string): string {
  const words = `${scheme}_${field}`.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replace(/[^A-Za-z0-9]+/g, '_');
  return words
    .toUpperCase()
    .replace(/^(?=\d)/, '_')
    .slice(0, 64);
}

/** All of them need no filter: then a document that is fetched again brings its new operations along. */
export function includeOf(reading: DocumentReading, chosen: ReadonlySet<string>): OpenApiSettings['include'] {
  if (chosen.size === reading.operations.length) return undefined;
  return { operations: reading.operations.filter(({ key }) => chosen.has(key)).map(({ key }) => key) };
}

/** The operations that the settings choose. */
export function chosenOf({ operations }: DocumentReading): Set<string> {
  return new Set(operations.filter(({ chosen }) => chosen).map(({ key }) => key));
}

/** The choice among the operations of one document, made for those of another: what both have stays as it was chosen. */
export function carriedOver(before: DocumentReading, chosen: ReadonlySet<string>, after: DocumentReading): Set<string> {
  const isAll = chosen.size === before.operations.length;
  const known = new Set(before.operations.map(({ key }) => key));
  const isChosen = ({ key, chosen: byFilter }: DocumentReading['operations'][number]) =>
    isAll || (known.has(key) ? chosen.has(key) : byFilter);
  return new Set(after.operations.filter(isChosen).map(({ key }) => key));
}

/** A JSON Pointer (RFC 6901), as faults are named by the verbs. */
export function pointerOf(path: readonly string[]): string {
  return path.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

export function tokensOf({ operations }: DocumentReading, chosen: ReadonlySet<string>): number {
  return operations.reduce((sum, { key, tokens }) => sum + (chosen.has(key) ? tokens : 0), 0);
}

/** A legal name for the server, made of the document's title. */
export function suggestedName(title: string): string {
  const name = title
    .toLowerCase()
    .replace(/\b(the|rest|api|openapi|swagger|specification)\b/g, ' ')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40)
    .replace(/-+$/, '');
  return nameSchema.safeParse(name).success ? name : 'api';
}
