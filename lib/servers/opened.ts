// Rows and settings with their values opened, as a server is started with them. What opens is given: only the worker
// has it.
import { eq } from 'drizzle-orm';
import { type SealedValue, servers } from '../../drizzle/schema';
import type { Opener, OpenValue } from '../access/vault/envelope';
import type { CredentialSetting } from '../credentials/schema';
import type { Db } from '../db/types';
import { HubError } from '../errors';
import type { OpenApiInput } from '../openapi/schema';
import { standIn } from './masking';
import type { ServerRow } from './rows';
import type { ServerInput } from './schema';
import { mapSecrets, placeOfValue, type SealedMap, storedValue } from './stored';

export type OpenRow = Omit<ServerRow, SealedMap> & Record<SealedMap, Record<string, string>>;

/** @returns `closed`: what does not open, as "env.NAME"; such a value is empty in the row */
export function openRow(row: ServerRow, open: OpenValue): { row: OpenRow; closed: string[] } {
  const closed: string[] = [];
  const opened = mapSecrets<SealedValue | string, string, ServerRow>(row, (value, column, name) => {
    if (typeof value === 'string') return value;
    const plain = open(placeOfValue(row.id, column, name), value.sealed);
    if (plain === null) closed.push(`${column}.${name}`);
    return plain ?? '';
  });
  return { row: opened, closed };
}

/** Null while all opens. */
export function closedFault(closed: string[]): string | null {
  if (closed.length === 0) return null;
  const [them, were] = closed.length > 1 ? ['them', 'they were'] : ['it', 'it was'];
  return (
    `${closed.map((name) => `"${name}"`).join(', ')} cannot be opened: ${were} sealed with another master key, or ` +
    `damaged. Enter ${them} again in the settings of the server, or start the hub with the right master key.`
  );
}

/**
 * Puts the stored values of a server where the settings have stand-ins for them.
 * @throws HubError NOT_FOUND; CONFLICT when one of them does not open
 */
export async function openStandIns(
  db: Db,
  opener: Opener,
  serverId: string,
  server: ServerInput,
): Promise<ServerInput> {
  const [row] = await db.select().from(servers).where(eq(servers.id, serverId));
  if (!row) throw new HubError('NOT_FOUND');
  return openInput(row, await opener.begin(db), server);
}

function openInput(row: ServerRow, open: OpenValue, server: ServerInput): ServerInput {
  const closed: string[] = [];
  const given = {
    env: server.type === 'stdio' ? (server.env ?? {}) : {},
    headers: server.type === 'stdio' ? {} : (server.headers ?? {}),
    secrets: server.secrets ?? {},
    openapi: server.type === 'openapi' ? server.openapi : null,
    credential: server.type === 'openapi' ? null : (server.credential ?? null),
  };
  const filled = mapSecrets<string, string, typeof given>(given, (value, column, name) => {
    const stored = storedValue(row, column, name);
    if (typeof stored !== 'object' || value !== standIn(stored)) return value;
    const plain = open(placeOfValue(row.id, column, name), stored.sealed);
    if (plain === null) closed.push(`${column}.${name}`);
    return plain ?? '';
  });
  const fault = closedFault(closed);
  if (fault) throw new HubError('CONFLICT', fault);
  const { env, headers, secrets } = filled;
  const signIn = filled.credential && { credential: filled.credential as CredentialSetting };
  if (server.type === 'stdio') return { ...server, env, secrets, ...signIn };
  if (server.type !== 'openapi') return { ...server, headers, secrets, ...signIn };
  return { ...server, headers, secrets, openapi: filled.openapi as OpenApiInput };
}
