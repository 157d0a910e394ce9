// What the worker does to sealed rows as they stand: it seals what is still text, and puts them under a new key. The
// settings of no server change by it: version and time of change stay, and nothing restarts.
import { eq, sql } from 'drizzle-orm';
import { type SealedValue, servers } from '../../drizzle/schema';
import type { Keyring } from '../access/keyring';
import { resealSecondFactors } from '../access/second-factor';
import { addSealingKey } from '../access/vault/keys';
import { changeMasterKey, createRewrapper, opensAll } from '../access/vault/open';
import type { Vault } from '../access/vault/seal';
import { credentialRows, type SealedRows } from '../credentials/sealed';
import { isDatabaseUnavailable, rootMessage } from '../db/faults';
import type { Db, Tx } from '../db/types';
import type { Log } from '../log';
import { type AuditSource, writeAudit } from '../telemetry/audit';
import { staysText } from './masking';
import type { ServerRow } from './rows';
import { mapSecrets, placeOfValue, type SealedColumn, sealValue } from './stored';

export interface VaultStart {
  db: Db;
  vault: Vault;
  keyring: Keyring;
  /** Of the master key that was in use before. */
  previous: Keyring | null;
  log: Log;
}

/** Before servers are started: keys and second factors for this master key, and no value left that is not sealed. Safe to run again. */
export async function prepareVault({ db, vault, keyring, previous, log }: VaultStart): Promise<void> {
  const rewrapped = previous ? await changeMasterKey(db, keyring, previous) : 0;
  const factors = previous ? await resealSecondFactors(db, keyring, previous) : 0;
  if (rewrapped + factors > 0) {
    log.warn(
      { keys: rewrapped, secondFactors: factors },
      'Stored secrets are under the new master key now: remove MCPHUB_PREVIOUS_MASTER_KEY.',
    );
  }
  if (!(await opensAll(db, keyring))) {
    log.error(
      'Stored secrets were sealed with another master key. Their servers do not start until the hub has that key again ' +
        '(MCPHUB_MASTER_KEY, or MCPHUB_PREVIOUS_MASTER_KEY beside a new one) or their values are entered anew. Nothing is deleted.',
    );
  }
  const sealed = await sealText(db, vault);
  if (sealed === 0) return;
  log.info({ servers: sealed }, 'secrets that were stored as text are sealed now');
  try {
    // The text would stay in the table's file as dead rows.
    await db.execute(sql`vacuum full ${servers}`);
  } catch (error) {
    if (isDatabaseUnavailable(error)) throw error;
    log.warn({ cause: rootMessage(error) }, 'the former rows of servers could not be cleared: run VACUUM FULL servers');
  }
}

/** In one transaction. @returns the number of servers that had values in text */
async function sealText(db: Db, vault: Vault): Promise<number> {
  return db.transaction(async (tx) => {
    const sealer = await vault.sealer(tx);
    const rows = (await tx.select().from(servers).orderBy(servers.id).for('update')).filter(hasText);
    for (const row of rows) {
      await writeColumns(tx, row, (value, column, name) =>
        typeof value === 'string' ? sealValue(sealer, placeOfValue(row.id, column, name), value) : value,
      );
    }
    return rows.length;
  });
}

function hasText(row: ServerRow): boolean {
  let found = false;
  mapSecrets<Value, null, ServerRow>(row, (value) => {
    found ||= typeof value === 'string' && !staysText(value);
    return null;
  });
  return found;
}

export interface Rotation {
  /** The new key. */
  key: string;
  /** Values that are under it now. */
  values: number;
  /** Values that no key opens; they stay as they are. */
  closed: number;
}

/**
 * Makes a new key and puts every sealed value under it, row by row, so that nobody waits for long. What is cut short
 * leaves values under two keys, which open all the same; the next rotation takes them along.
 * @param source for the audit trail
 */
export async function rotateSecrets(db: Db, keyring: Keyring, source: AuditSource): Promise<Rotation> {
  const key = await db.transaction(async (tx) => {
    const id = await addSealingKey(tx, keyring);
    await writeAudit(tx, source, { action: 'secrets.rotated', resourceType: 'setting', resourceName: id });
    return id;
  });
  const rotation: Rotation = { key, values: 0, closed: 0 };
  const begin = createRewrapper(keyring);
  for (const rows of [serverRows, ...credentialRows]) {
    for (const id of await rows.ids(db)) {
      await db.transaction(async (tx) => {
        const rewrap = await begin(tx);
        await rows.change(tx, id, (place, value) => {
          const sealed = rewrap(place, value.sealed);
          if (sealed === null) rotation.closed++;
          else rotation.values++;
          return sealed === null ? value : { ...value, sealed };
        });
      });
    }
  }
  return rotation;
}

const serverRows: SealedRows = {
  async ids(db) {
    const rows = await db.select({ id: servers.id }).from(servers).orderBy(servers.id);
    return rows.map(({ id }) => id);
  },
  async change(tx, id, to) {
    const [row] = await tx.select().from(servers).where(eq(servers.id, id)).for('update');
    if (!row) return;
    await writeColumns(tx, row, (value, column, name) =>
      typeof value === 'string' ? value : to(placeOfValue(row.id, column, name), value),
    );
  },
};

type Value = SealedValue | string;

async function writeColumns(
  tx: Tx,
  row: ServerRow,
  to: (value: Value, column: SealedColumn, name: string) => Value,
): Promise<void> {
  const { env, headers, secrets, openapi, credential } = mapSecrets<Value, Value, ServerRow>(row, to);
  await tx
    .update(servers)
    .set({ env, headers, secrets, openapi, credential, updatedAt: row.updatedAt })
    .where(eq(servers.id, row.id));
}
