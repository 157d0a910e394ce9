// Values of `env`, `headers`, `secrets` and of an OpenAPI server's credentials as rows hold them: sealed, with what the rules of a server's settings ask of
// them. Where settings are put together from a row, a stand-in takes the place of each value, since nobody but the worker
// can open it; when the settings are stored or started, the stand-in becomes the value that it stands for.
import type { SealedValue } from '../../drizzle/schema';
import type { Place } from '../access/vault/envelope';
import type { Sealer } from '../access/vault/seal';
import { canonicalJson } from '../canonical-json';
import { mapCredential } from './credential';
import { secretsIn } from './expand';
import { isHeaderValue } from './header-value';
import { maskValue, standIn, staysText } from './masking';
import { mapSecretFields } from './openapi/auth';
import type { ServerRow } from './rows';

/** The columns of maps in which every value is sealed. */
export type SealedMap = 'env' | 'headers' | 'secrets';
/** Where sealed values are; a name in "openapi.auth" is "scheme.field", the one in "credential" "clientSecret". */
export type SealedColumn = SealedMap | 'openapi.auth' | 'credential';

/** The sealed columns of a row, or of settings that are stored in one, with values of type V. */
type Columns<V> = Record<SealedMap, Record<string, V>> & {
  openapi: Record<string, unknown> | null;
  credential: Record<string, unknown> | null;
};

export function placeOfValue(rowId: string, column: SealedColumn, name: string): Place {
  return { table: 'servers', rowId, column: `${column}.${name}` };
}

/** The same columns with each value that is kept sealed changed by `to`. */
export function mapSecrets<V, W, C extends Columns<V>>(
  columns: C,
  to: (value: V, column: SealedColumn, name: string) => W,
): Omit<C, keyof Columns<V>> & Columns<W> {
  const mapped = (column: SealedMap) => mapValues(columns[column], (value, name) => to(value, column, name));
  const openapi = columns.openapi && mapAuth(columns.openapi, (value: V, name) => to(value, 'openapi.auth', name));
  const credential =
    columns.credential && mapCredential(columns.credential, (value: V) => to(value, 'credential', 'clientSecret'));
  return {
    ...columns,
    env: mapped('env'),
    headers: mapped('headers'),
    secrets: mapped('secrets'),
    openapi,
    credential,
  };
}

/** The same settings of an OpenAPI server with its secret credentials changed by `to`. */
export function mapAuth<V, W>(
  openapi: Record<string, unknown>,
  to: (value: V, name: string) => W,
): Record<string, unknown> {
  if (!openapi.auth) return openapi;
  return { ...openapi, auth: mapSecretFields(openapi.auth as Record<string, Record<string, V>>, to) };
}

/** The columns of a row; what is already stored, or stands for it, stays the very same envelope. */
export function sealColumns<C extends Columns<string>>(
  sealer: Sealer,
  rowId: string,
  columns: C,
  before?: Columns<SealedValue | string>,
): Omit<C, keyof Columns<string>> & Columns<SealedValue | string> {
  return mapSecrets<string, SealedValue | string, C>(columns, (value, column, name) => {
    const stored = before && storedValue(before, column, name);
    const place = placeOfValue(rowId, column, name);
    const isKept = typeof stored === 'object' && isSameValue(sealer, place, stored, value);
    return isKept ? stored : sealValue(sealer, place, value);
  });
}

export function sealValue(sealer: Sealer, place: Place, value: string): SealedValue | string {
  if (staysText(value)) return value;
  const refs = secretsIn({ value });
  return {
    ...sealer.seal(place, value),
    mask: maskValue(value),
    ...(refs.length > 0 && { refs }),
    ...(!isHeaderValue(value) && { unfitForHeaders: true as const }),
  };
}

/** Has the row these settings already? */
export function hasSettings(
  sealer: Sealer,
  row: ServerRow,
  wanted: Columns<string> & Record<string, unknown>,
): boolean {
  const sealed = sealColumns(sealer, row.id, wanted, row);
  return Object.entries(sealed).every(
    ([column, value]) => canonicalJson(row[column as keyof ServerRow]) === canonicalJson(value),
  );
}

/** Does the column hold these values, or what they stand for, and no others? */
export function hasValues(
  sealer: Sealer,
  row: Pick<ServerRow, 'id' | SealedMap>,
  column: SealedMap,
  values: Record<string, string>,
): boolean {
  const stored = row[column];
  const entries = Object.entries(values);
  return (
    entries.length === Object.keys(stored).length &&
    entries.every(([name, value]) => {
      const each = Object.hasOwn(stored, name) ? stored[name] : undefined;
      return each !== undefined && isSameValue(sealer, placeOfValue(row.id, column, name), each, value);
    })
  );
}

function isSameValue(sealer: Sealer, place: Place, stored: SealedValue | string, value: string): boolean {
  if (typeof stored === 'string') return stored === value;
  return value === standIn(stored) || sealer.matches(place, stored.mark, value);
}

/** The stored value of that name, where the row has one. */
export function storedValue(
  columns: Columns<SealedValue | string>,
  column: SealedColumn,
  name: string,
): SealedValue | string | undefined {
  if (column === 'credential') return columns.credential?.clientSecret as SealedValue | string | undefined;
  if (column !== 'openapi.auth') return Object.hasOwn(columns[column], name) ? columns[column][name] : undefined;
  const at = name.lastIndexOf('.');
  const auth = columns.openapi?.auth as Record<string, Record<string, SealedValue | string>> | undefined;
  const [scheme, field] = [name.slice(0, at), name.slice(at + 1)];
  const credentials = auth && Object.hasOwn(auth, scheme) ? auth[scheme] : undefined;
  return credentials && Object.hasOwn(credentials, field) ? credentials[field] : undefined;
}

export function mapValues<V, W>(values: Record<string, V>, to: (value: V, name: string) => W): Record<string, W> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, to(value, name)]));
}
