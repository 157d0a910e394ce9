// The catalogue of events: names, payloads, and which of them cross from one process to another. An event is a hint:
// rows are the truth, and a lost event costs a delay, never a state.
import { z } from 'zod';
import { limitSubjects } from '../limits/schema';
import { serverStatusSchema } from '../servers/schema';

const named = z.object({ id: z.string(), name: z.string() });

const placesOf = z.object({ worker: z.string(), subject: z.enum(limitSubjects), subjectId: z.string() });

export const eventSchemas = {
  'server.created': named,
  'server.updated': named,
  'server.deleted': named,
  /** Somebody asked for an immediate new start, whatever the back-off says. */
  'server.restart': named,
  'server.status': serverStatusSchema,
  'group.created': named,
  'group.updated': named,
  'group.deleted': named,
  /** How the endpoint over everything lists its tools. */
  'tool-list.changed': z.object({}),
  'tools.changed': z.object({
    id: z.string(),
    name: z.string(),
    added: z.number().int(),
    removed: z.number().int(),
    changed: z.number().int(),
  }),
  /** Tools are not as they were first seen or last approved. */
  'tools.drift': z.object({
    id: z.string(),
    name: z.string(),
    /** Some of them. */
    tools: z.array(z.string()),
    count: z.number().int(),
    /** Whether callers are kept from them. */
    held: z.boolean(),
  }),
  'tools.approved': named,
  /** An overlay of a tool of this server changed, its own or the one of a group. */
  'tools.curated': named,
  /** Vectors of tools were stored: workers that search read them. */
  'tools.embedded': z.object({ count: z.number().int() }),
  'key.created': z.object({ id: z.string(), userId: z.string() }),
  /** Its expiry changed: what is cached of it is void. */
  'key.updated': z.object({ id: z.string(), userId: z.string(), secretHash: z.string() }),
  'key.revoked': z.object({ id: z.string(), userId: z.string(), secretHash: z.string() }),
  /** A grant of an OAuth client, or a token of it, was revoked: what is cached of its tokens is void, and what runs ends. */
  'grant.revoked': z.object({ grantId: z.string() }),
  /** A user's rights, memberships or account changed: cached actors of that user are void. */
  'access.changed': z.object({ userId: z.string() }),
  /** The rights of a role changed, and so those of all who have it; `userIds` null: too many to name. */
  'role.changed': z.object({ id: z.string(), name: z.string(), userIds: z.array(z.string()).nullable() }),
  /** Browser sessions of a user ended: these, or all where `ids` is null. */
  'browser.ended': z.object({ userId: z.string(), ids: z.array(z.string()).nullable() }),
  /** Limits of calls were set or taken away: workers read them again. */
  'limits.changed': z.object({}),
  /** A worker has calls that wait for places of a limit; others give back what they do not need. */
  'limits.short': placesOf,
  /** A worker gave places of a limit back while others are short of them. */
  'limits.freed': placesOf,
  /** What signs in to a server was stored, renewed by hand or taken away; `userId` null: the hub's own. */
  'credential.changed': z.object({ serverId: z.string(), userId: z.string().nullable() }),
  'session.opened': z.object({ client: z.string(), userId: z.string().nullable(), endpoint: z.string() }),
  'config.reloaded': z.object({ file: z.string(), faults: z.array(z.string()) }),
} as const;

export type EventName = keyof typeof eventSchemas;
export type EventPayload<N extends EventName> = z.infer<(typeof eventSchemas)[N]>;

/** Events that other processes act on; the rest stay in the process that emits them. */
export const sharedEvents = [
  'server.created',
  'server.updated',
  'server.deleted',
  'server.restart',
  'tools.approved',
  'tools.curated',
  'tool-list.changed',
  'credential.changed',
  'group.created',
  'group.updated',
  'group.deleted',
  'key.created',
  'key.updated',
  'key.revoked',
  'grant.revoked',
  'access.changed',
  'limits.changed',
  'limits.short',
  'limits.freed',
  'role.changed',
  'browser.ended',
] as const satisfies readonly EventName[];

export interface SentEvent<N extends EventName = EventName> {
  name: N;
  payload: EventPayload<N>;
}
