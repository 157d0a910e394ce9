// What the browser's socket carries, namespace `/live`. Types only, so that the worker that sends and the dashboard that
// receives cannot drift apart. Rooms are joined by the worker alone; see worker/live.
import type { LogLine } from '../servers/schema';
import type { EventPayload } from './schema';

/** Added to every frame. `rev` rises by one per room of one `src`, so that a receiver sees that it missed something. */
export interface LiveEnvelope {
  /** Names one life of one worker. */
  src: string;
  room: string;
  rev: number;
  /** RFC 3339. */
  at: string;
}

/** One finished tools/call, without its arguments. */
export interface LiveCall {
  requestId: string;
  /** RFC 3339. */
  at: string;
  userId: string | null;
  actor: string;
  client: string | null;
  serverId: string | null;
  server: string | null;
  tool: string | null;
  outcome: string;
  durationMs: number;
}

/** Payload of each frame, without its envelope. */
export interface LivePayloads {
  'server.created': EventPayload<'server.created'>;
  'server.updated': EventPayload<'server.updated'>;
  'server.deleted': EventPayload<'server.deleted'>;
  'server.status': EventPayload<'server.status'>;
  'tools.changed': EventPayload<'tools.changed'>;
  /** At most ten frames a second and server. A gap in `seq` is filled from the REST API. */
  'server.log': { id: string; lines: LogLine[] };
  /** At most ten frames a second. `dropped` calls did not fit into the frame. */
  'call.finished': { calls: LiveCall[]; dropped: number };
  'session.opened': EventPayload<'session.opened'>;
  'access.changed': EventPayload<'access.changed'>;
  'config.reloaded': EventPayload<'config.reloaded'>;
}

export type LiveName = keyof LivePayloads;
export type LiveFrame<N extends LiveName = LiveName> = LivePayloads[N] & LiveEnvelope;

/** The rooms of this socket and their latest `rev`; sent after connecting and whenever the rooms change. */
export interface LiveRooms {
  src: string;
  revs: Record<string, number>;
}

export type LiveDown = { [N in LiveName]: (frame: LiveFrame<N>) => void } & {
  'live.rooms': (rooms: LiveRooms) => void;
};

/** What a browser may ask for. `ok` is false where the log does not exist or is not theirs to read. */
export interface LiveUp {
  'log.open': (id: string, done?: (ok: boolean) => void) => void;
  'log.close': (id: string) => void;
}
