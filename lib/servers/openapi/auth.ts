// The credentials of an OpenAPI server at rest: which of their values are secret, how they are shown, how they are
// patched, and what references in them stand for.
import type { SealedValue } from '../../../drizzle/schema';
import type { OpenApiSettings } from '../../openapi/schema';
import { isMasked, maskValue, mergeValues } from '../masking';

const secretFields: ReadonlySet<string> = new Set(['value', 'password', 'token', 'clientSecret']);

type Auth = NonNullable<OpenApiSettings['auth']>;
/** As rows hold it. */
type StoredAuth = Record<string, Record<string, SealedValue | string>>;

export function maskAuth(auth: StoredAuth): Auth {
  return mapSecretFields(auth, maskValue) as Auth;
}

/** @returns the new credentials, in which a masked value stands for the stored one */
export function patchAuth(stored: StoredAuth | undefined, patch: Auth): Auth {
  return Object.fromEntries(
    Object.entries(patch).map(([scheme, given]) => {
      const former = (stored && Object.hasOwn(stored, scheme) ? stored[scheme] : undefined) ?? {};
      const kept = mergeValues(former, given as Record<string, string>);
      return [scheme, Object.fromEntries(Object.keys(given).map((field) => [field, kept[field] ?? '']))];
    }),
  );
}

/** Places (scheme, field) of values that are masks of nothing that is stored. */
export function maskedPlaces(auth: Auth = {}): [scheme: string, field: string][] {
  return Object.entries(auth).flatMap(([scheme, given]) =>
    Object.entries(given)
      .filter(([field, text]) => secretFields.has(field) && isMasked(text))
      .map(([field]): [string, string] => [scheme, field]),
  );
}

/** All values in which references to secrets count, by "scheme.field". */
export function authTexts(auth: Auth = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(auth).flatMap(([scheme, given]) =>
      Object.entries(given).map(([field, text]) => [`${scheme}.${field}`, text]),
    ),
  );
}

type Expanded = { values: Record<string, string>; unset: { key: string; name: string }[] };

/** The settings with all references in their credentials filled in. */
export function expandAuth(
  stored: Record<string, unknown> | null,
  expand: (values: Record<string, string>) => Expanded,
): { settings: OpenApiSettings | null; unset: Expanded['unset'] } {
  if (stored === null) return { settings: null, unset: [] };
  const settings = stored as OpenApiSettings;
  const { values, unset } = expand(authTexts(settings.auth));
  const auth = mapFields(
    (settings.auth ?? {}) as Record<string, Record<string, string>>,
    (text, field, scheme) => values[`${scheme}.${field}`] ?? text,
  );
  return { settings: { ...settings, auth }, unset };
}

/** What must not be read in anything that is told of the server. */
export function secretValuesOf(settings: OpenApiSettings | null): string[] {
  return Object.values(settings?.auth ?? {}).flatMap((given) =>
    Object.entries(given).flatMap(([field, text]) => (secretFields.has(field) ? [text] : [])),
  );
}

/** Changes the values that are secret; `name` is "scheme.field". The others stay as they are. */
export function mapSecretFields<V, W>(
  auth: Record<string, Record<string, V>>,
  to: (value: V, name: string) => W,
): Record<string, Record<string, V | W>> {
  return mapFields<V, V | W>(auth, (value, field, scheme) =>
    secretFields.has(field) ? to(value, `${scheme}.${field}`) : value,
  );
}

function mapFields<V, W>(
  auth: Record<string, Record<string, V>>,
  to: (value: V, field: string, scheme: string) => W,
): Record<string, Record<string, W>> {
  return Object.fromEntries(
    Object.entries(auth).map(([scheme, given]) => [
      scheme,
      Object.fromEntries(Object.entries(given).map(([field, value]) => [field, to(value, field, scheme)])),
    ]),
  );
}
