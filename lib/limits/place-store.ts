// Where the workers deal a limit of calls at once out among themselves: rows of limit_places, changed by one worker at a
// time, so that the places in them never add up to more than the limit.
import { sql } from 'drizzle-orm';
import { limitHolders, limitPlaces } from '../../drizzle/schema';
import type { Db, Tx } from '../db/types';
import { type Claim, dealt, fairPart, isOwed } from './deal';
import type { LimitSubject } from './schema';

export interface Place {
  subject: LimitSubject;
  subjectId: string;
}

/** What a worker has and would have of one limit. */
export interface Ask extends Place {
  /** Calls at once of all workers; 0 gives everything back. */
  most: number;
  /** Calls that run here. They keep their places, whatever was dealt. */
  used: number;
  /** Those, and the calls that wait here. */
  need: number;
}

export interface Share extends Place {
  places: number;
  /** Whether another worker has too few, and less than its fair part. */
  isWanted: boolean;
  /** Nobody is given a place of these by this worker. */
  keeps: number;
}

export interface Dealt {
  shares: Share[];
  /** The worker had been taken for dead: what it held of other limits is gone. */
  isNew: boolean;
}

export interface Beat {
  holders: { worker: string; beat: number }[];
  /** What the worker holds places of while others have too few. */
  wanted: Place[];
  /** Whether the worker holds anything: false also when it had been taken for dead. */
  isKnown: boolean;
}

export interface PlaceStore {
  deal(worker: string, asks: readonly Ask[]): Promise<Dealt>;
  /** Says that the worker lives, and looks around. */
  beat(worker: string): Promise<Beat>;
  /** Takes everything from workers; from one whose `beat` is given only if it has been silent since. */
  remove(holders: readonly { worker: string; beat?: number }[]): Promise<void>;
  /** Takes everything from everybody. Only where no worker can live. */
  clear(): Promise<void>;
}

/** Only names the lock: one deal at a time in the whole database. */
const dealLock = 7_401_022;

type Row = Place & Claim & { worker: string };

export function createPlaceStore(db: Db): PlaceStore {
  const given = (places: readonly Place[]) =>
    sql`json_to_recordset(${JSON.stringify(places)}::json) as given (subject text, "subjectId" text, places int, wanted int)`;

  async function held(tx: Tx, asks: readonly Ask[]): Promise<Map<string, Row[]>> {
    const rows = (await tx.execute(sql`
      select p.subject, p.subject_id as "subjectId", p.worker, p.places, p.wanted
      from ${limitPlaces} p join ${given(asks)} on p.subject = given.subject and p.subject_id = given."subjectId"
    `)) as unknown as Row[];
    const byLimit = new Map<string, Row[]>();
    for (const row of rows) byLimit.set(nameOf(row), [...(byLimit.get(nameOf(row)) ?? []), row]);
    return byLimit;
  }

  return {
    deal: (worker, asks) =>
      db.transaction(async (tx) => {
        const [holder] = await tx.execute(sql`
          insert into ${limitHolders} as h (worker, beat) select ${worker}, 1 from pg_advisory_xact_lock(${dealLock})
          on conflict (worker) do update set beat = h.beat + 1 returning beat::float8 as beat
        `);
        const rows = await held(tx, asks);
        const shares: Share[] = [];
        const written: (Place & Claim)[] = [];
        for (const { subject, subjectId, most, used, need } of asks) {
          const all = rows.get(nameOf({ subject, subjectId })) ?? [];
          const others = all.filter((row) => row.worker !== worker);
          const had = all.find((row) => row.worker === worker)?.places ?? 0;
          const places = dealt(most, { had, used, need }, others);
          shares.push({
            subject,
            subjectId,
            places,
            isWanted: isOwed(most, need, others),
            keeps: fairPart(most, need, others),
          });
          written.push({ subject, subjectId, places, wanted: need });
        }
        await tx.execute(sql`
          insert into ${limitPlaces} (subject, subject_id, worker, places, wanted)
          select subject, "subjectId", ${worker}, places, wanted from ${given(written)}
          on conflict (subject, subject_id, worker) do update set places = excluded.places, wanted = excluded.wanted
        `);
        if (written.some(isNothing)) {
          await tx.execute(sql`delete from ${limitPlaces} where worker = ${worker} and places = 0 and wanted = 0`);
        }
        return { shares, isNew: Number(holder?.beat) === 1 };
      }),
    async beat(worker) {
      const [known] = await db.execute(
        sql`update ${limitHolders} set beat = beat + 1 where worker = ${worker} returning worker`,
      );
      const holders = await db.execute(sql`select worker, beat::float8 as beat from ${limitHolders}`);
      const wanted = await db.execute(sql`
        select distinct own.subject, own.subject_id as "subjectId"
        from ${limitPlaces} own join ${limitPlaces} other using (subject, subject_id)
        where own.worker = ${worker} and own.places > 0 and other.worker <> ${worker} and other.wanted > other.places
      `);
      return { holders, wanted, isKnown: known !== undefined } as unknown as Beat;
    },
    async clear() {
      await db.delete(limitHolders);
    },
    async remove(holders) {
      await db.execute(sql`
        delete from ${limitHolders} h
        using json_to_recordset(${JSON.stringify(holders)}::json) as gone (worker text, beat int8)
        where h.worker = gone.worker and (gone.beat is null or h.beat = gone.beat)
      `);
    },
  };
}

function isNothing({ places, wanted }: Claim): boolean {
  return places === 0 && wanted === 0;
}

function nameOf({ subject, subjectId }: Place): string {
  return `${subject} ${subjectId}`;
}
