// A worker's view of its fellow workers: who lives, who leads, and a line to them. The primary process knows who lives,
// for it started them; nobody votes. Without fellow workers (MCPHUB_WORKERS=1) there is no fleet at all.
import { EventEmitter } from 'node:events';
import type { FleetMessage, FromPrimary, PeerMessage, Tag, ToPrimary } from './messages';

export type { PeerMessage, Tag } from './messages';

type Kind = PeerMessage['kind'];
type Of<K extends Kind> = Extract<PeerMessage, { kind: K }>;

export interface Fleet {
  readonly self: Tag;
  /** Oldest first. */
  readonly members: readonly Tag[];
  readonly dead: readonly Tag[];
  /** Whether this worker does what only one may do. Never taken back while it lives. */
  readonly leads: boolean;
  /** Resolves when this worker leads. */
  leading(): Promise<void>;
  /** Resolves when the database is prepared, or `false` when this worker has to do it. */
  prepared(): Promise<boolean>;
  /** This worker has prepared the database. */
  tellPrepared(): void;
  /** To all others, or to one of them. */
  send(message: PeerMessage, to?: Tag): void;
  on<K extends Kind>(kind: K, listener: (message: Of<K>, from: Tag) => void): () => void;
  /** After every change of who lives. */
  onChange(listener: () => void): () => void;
}

/** What a fleet needs of a process: `process` itself, or a stand-in. */
export interface Channel {
  send?(message: ToPrimary, done: (error: Error | null) => void): unknown;
  on(event: 'message', listener: (message: FromPrimary) => void): unknown;
}

/** Resolves with the first word of the primary process. Listeners for its other messages must stand by then. */
export function joinFleet(channel: Channel): Promise<Fleet> {
  return new Promise((resolve) => {
    const events = new EventEmitter();
    events.setMaxListeners(0);
    let now: FleetMessage | null = null;

    function send(message: ToPrimary): void {
      // The primary process has gone when this fails, and that ends this process too.
      channel.send?.(message, () => {});
    }

    /** The first change after which `wanted` gives something, or now. */
    function once<T>(wanted: () => T | undefined): Promise<T> {
      return new Promise((done) => {
        const look = () => {
          const found = wanted();
          if (found === undefined) return;
          events.off('change', look);
          done(found);
        };
        events.on('change', look);
        look();
      });
    }

    const current = () => now as FleetMessage;
    const leads = () => current().members[0] === current().self;
    const fleet: Fleet = {
      get self() {
        return current().self;
      },
      get members() {
        return current().members;
      },
      get dead() {
        return current().dead;
      },
      get leads() {
        return leads();
      },
      leading: () => once(() => (leads() ? null : undefined)).then(() => {}),
      prepared: () => once(() => (current().prepared ? true : leads() ? false : undefined)),
      tellPrepared: () => send({ type: 'prepared' }),
      send: (message, to) => send({ type: 'peer', to: to ?? null, message }),
      on(kind, listener) {
        events.on(kind, listener);
        return () => void events.off(kind, listener);
      },
      onChange(listener) {
        events.on('change', listener);
        return () => void events.off('change', listener);
      },
    };

    channel.on('message', (message) => {
      if (message.type === 'peer') {
        events.emit(message.message.kind, message.message, message.from);
      } else if (message.type === 'fleet') {
        const isFirst = now === null;
        now = message;
        if (isFirst) resolve(fleet);
        else events.emit('change');
      }
    });
    send({ type: 'joined' });
  });
}
