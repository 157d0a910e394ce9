// The credentials of an OpenAPI server at rest: which of their values are secret, how they are shown, how they are
// patched, and what references in them stand for.

import type { OpenApiSettings, SchemeCredentials } from '../../openapi/schema';
import { isMasked, maskValue, mergeValues } from '../masking';

const secretFields: ReadonlySet<string> = new Set(['value', 'password', 'token', 'clientSecret']);

type Auth = NonNullable<OpenApiSettings['auth']>;

export function maskAuth(auth: Auth): Auth {
  return mapAuth(auth, (text, field) => (secretFields.has(field) ? maskValue(text) : text));
}

/** @returns the new credentials, in which a masked value stands for the stored one */
export function patchAuth(stored: Auth | undefined, patch: Auth): Auth {
  return Object.fromEntries(
    Object.entries(patch).map(([scheme, given]) => {
      const former = (stored && Object.hasOwn(stored, scheme) ? stored[scheme] : undefined) ?? {};
      const kept = mergeValues(former as Record<string, string>, given as Record<string, string>);
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
  const auth = mapAuth(settings.auth ?? {}, (text, field, scheme) => values[`${scheme}.${field}`] ?? text);
  return { settings: { ...settings, auth }, unset };
}

/** What must not be read in anything that is told of the server. */
export function secretValuesOf(settings: OpenApiSettings | null): string[] {
  return Object.values(settings?.auth ?? {}).flatMap((given) =>
    Object.entries(given).flatMap(([field, text]) => (secretFields.has(field) ? [text] : [])),
  );
}

function mapAuth(auth: Auth, map: (text: string, field: string, scheme: string) => string): Auth {
  return Object.fromEntries(
    Object.entries(auth).map(([scheme, given]) => [
      scheme,
      Object.fromEntries(Object.entries(given).map(([field, text]) => [field, map(text, field, scheme)])),
    ]),
  ) as Record<string, SchemeCredentials>;
}
