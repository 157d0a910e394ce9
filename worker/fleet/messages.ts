// What the processes of one hub say to each other over their channel: the primary process (scripts/launcher/primary.ts)
// to its workers and back, and through it the workers among themselves. All of it is a hint or can be asked for again:
// rows are the truth, and who comes late says "hello".
import type { LiveName, LivePayloads } from '../../lib/events/live';
import type { SentEvent } from '../../lib/events/schema';
import type { ServerStatus } from '../../lib/servers/schema';
import type { Handshake } from '../upstream/types';

/** Names one life of one worker: `<number of the worker>-<random>`. */
export type Tag = string;

/** Who lives. Sent whenever that changes. */
export interface FleetMessage {
  type: 'fleet';
  /** The receiver. */
  self: Tag;
  /** Oldest first: the first one does what only one worker does. */
  members: Tag[];
  /** Those that ended since the hub started, latest last. */
  dead: Tag[];
  /** Some worker has prepared the database and swept what an earlier run left. */
  prepared: boolean;
}

/** One worker to the others, through the primary process. */
export interface PeerEnvelope {
  type: 'peer';
  from: Tag;
  message: PeerMessage;
}

export type PeerMessage =
  /** An event of the bus. */
  | { kind: 'event'; event: SentEvent }
  /** Somebody is new, or missed something: tell it what you know. */
  | { kind: 'hello' }
  /**
   * The state of a server, from the worker that answers for it. `handshake` is that of its open upstream; `at` is where
   * it is reached, null for servers that every worker connects to by itself.
   */
  | { kind: 'server'; status: ServerStatus; at: string | null; handshake: Handshake | null }
  /** A server said something that belongs to no call. */
  | {
      kind: 'notification';
      serverId: string;
      method: string;
      params: Record<string, unknown> | undefined;
      whose?: string | undefined;
    }
  /** A session is over: what it had for itself ends. */
  | { kind: 'released'; conversation: string }
  /** Calls of the sender time out and a ping did too. */
  | { kind: 'hung'; serverId: string }
  /** Whether somebody watches a room of the live updates at the sender. */
  | { kind: 'watch'; room: string; watched: boolean }
  /** For a watched room. */
  | { kind: 'frame'; room: string; name: LiveName; payload: LivePayloads[LiveName] }
  /** About a session of a client. */
  | { kind: 'session'; message: SessionMessage }
  /** About a search for tools. */
  | { kind: 'search'; message: SearchMessage };

/**
 * About a session of a client. Its id opens at every worker, but its streams, calls and questions are each at one of
 * them.
 */
export type SessionMessage =
  /** Takes back a request that is not under way at the sender. */
  | { about: 'cancel'; session: string; requestId: string | number; reason: string }
  /** Answers a question that was not asked by the sender. */
  | { about: 'answer'; session: string; message: { id?: string | number; result?: unknown; error?: unknown } }
  /** Its newest stream is at the sender, or not any more; `after` is the worker that had the newest one until then. */
  | { about: 'stream'; session: string; isOpen: boolean; after?: string | undefined }
  /** For its stream, which is at the receiver. */
  | { about: 'notify'; session: string; method: string; params: unknown }
  /** It wants log messages from this severity (index) on. */
  | { about: 'level'; session: string; level: number }
  /** It no longer wants updates of a resource, whoever took the subscription. */
  | { about: 'unsubscribe'; session: string; uri: string }
  /** The client ended it. */
  | { about: 'end'; session: string };

export type FromPrimary = FleetMessage | PeerEnvelope | { type: 'web'; port: number | null } | { type: 'stop-at-once' };

export type ToPrimary =
  /** The worker listens to the channel; what was said before is lost. */
  | { type: 'joined' }
  | { type: 'prepared' }
  | { type: 'listening'; port: number }
  | { type: 'ready'; setupUrl?: string }
  | { type: 'peer'; to: Tag | null; message: PeerMessage };

/** About a search of which it is not known yet what comes of it: its caller may call a hit at any worker. */
export type SearchMessage =
  /** It was answered at the sender. `found` as `server/tool`; `isTyped`: only the last of its actor's was meant. */
  | {
      about: 'opened';
      id: string;
      actor: string;
      session: string | null;
      isTyped: boolean;
      atMs: number;
      found: string[];
    }
  /** Its caller called a tool at the sender; for the worker that answered it. */
  | { about: 'called'; id: string; actor: string; tool: string }
  /** It is known. */
  | { about: 'settled'; id: string; actor: string };
