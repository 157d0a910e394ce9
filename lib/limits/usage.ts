// Where the workers add up their calls: rows of quota_usage, one for each limited thing and day or minute.
import { sql } from 'drizzle-orm';
import { quotaUsage } from '../../drizzle/schema';
import type { Db } from '../db/types';
import type { LimitSubject } from './schema';
import { dayMs, dayOf, minuteMs, minuteOf } from './window';

export interface Usage {
  subject: LimitSubject;
  subjectId: string;
  /** A day or a minute in UTC, as in window.ts. */
  day: string;
  calls: number;
}

export interface UsageStore {
  /** What was used in the day and the two minutes that end now. */
  load(nowMs: number): Promise<Usage[]>;
  /** Adds calls and gives the new sums. */
  add(usage: readonly Usage[]): Promise<Usage[]>;
  /** Removes what no limit and nobody looks at any more. */
  removeOld(nowMs: number): Promise<void>;
}

/** Rows of one statement. */
const batchRows = 500;
const loadedMax = 200_000;
const keptMinutesMs = 10 * minuteMs;
const keptDaysMs = 90 * dayMs;

const minuteChars = minuteOf(0).length;

export function createUsageStore(db: Db): UsageStore {
  const columns = sql`${quotaUsage.subject}, subject_id as "subjectId", day, ${quotaUsage.calls}::float8 as calls`;

  async function addBatch(usage: readonly Usage[]): Promise<Usage[]> {
    const rows = await db.execute(sql`
      insert into ${quotaUsage} (subject, subject_id, day, calls)
      select subject, "subjectId", day, calls
      from json_to_recordset(${JSON.stringify(usage)}::json) as given (subject text, "subjectId" text, day text, calls int8)
      on conflict (subject, subject_id, day) do update set calls = ${quotaUsage.calls} + excluded.calls
      returning ${columns}
    `);
    return rows as unknown as Usage[];
  }

  return {
    async load(nowMs) {
      const days = [dayOf(nowMs), minuteOf(nowMs), minuteOf(nowMs - minuteMs)];
      const rows = await db.execute(sql`
        select ${columns} from ${quotaUsage} where day in ${days} limit ${loadedMax}
      `);
      return rows as unknown as Usage[];
    },
    async add(usage) {
      // In one order everywhere, or two workers would wait for each other's rows.
      const sorted = usage.toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
      const sums: Usage[] = [];
      for (let at = 0; at < sorted.length; at += batchRows) {
        sums.push(...(await addBatch(sorted.slice(at, at + batchRows))));
      }
      return sums;
    },
    async removeOld(nowMs) {
      await db.execute(sql`
        delete from ${quotaUsage}
        where day < ${dayOf(nowMs - keptDaysMs)} or (length(day) = ${minuteChars} and day < ${minuteOf(nowMs - keptMinutesMs)})
      `);
    },
  };
}

export function keyOf({ subject, subjectId, day }: Usage): string {
  return `${subject} ${subjectId} ${day}`;
}
