// Limits of calls: how often in a minute, how many at once, how many in a day. Safe in a browser.
import { z } from 'zod';

export const limitSubjects = ['key', 'user', 'server', 'tool'] as const;
export type LimitSubject = (typeof limitSubjects)[number];

/** Stands for each of a kind that has no limit of its own. */
export const eachOfKind = '*';

const most = (max: number) =>
  z.number().int().min(1, 'must be at least 1').max(max, `must be at most ${max}`).nullable().optional();

export const limitRefSchema = z.strictObject({
  subject: z.enum(limitSubjects),
  /** Id of a key, name of a user or server, `server/tool`; "*": each of the kind that has no limit of its own. */
  target: z.string().trim().min(1, 'name what is limited').max(200),
});
export type LimitRef = z.infer<typeof limitRefSchema>;

/** Absent and null do not limit. */
export const limitInputSchema = limitRefSchema.extend({
  perMinute: most(1_000_000),
  concurrent: most(100_000),
  /** Of a day in UTC. */
  perDay: most(1_000_000_000),
});
export type LimitInput = z.infer<typeof limitInputSchema>;

export interface LimitView extends LimitRef {
  /** For people, e.g. `ada/laptop` for a key; null where what was limited is gone. */
  label: string | null;
  perMinute: number | null;
  concurrent: number | null;
  perDay: number | null;
  /** Calls of this day in UTC, as of some seconds ago; null without `perDay`, and for "*". */
  today: number | null;
  updatedAt: string;
  version: number;
}
