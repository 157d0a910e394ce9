// Which rooms of the live updates somebody watches at another worker, so that lines of a log and finished calls travel
// between workers only while there is somebody to see them.
import type { LiveName, LivePayloads } from '../../lib/events/live';
import type { Fleet, Tag } from './index';

export interface LivePeers {
  /** Whether somebody watches the room at another worker. */
  isWatched(room: string): boolean;
  /** Tells the others that somebody watches the room here, or nobody any more. */
  watch(room: string, isWatched: boolean): void;
  /** Sends a frame to those who watch its room elsewhere. */
  send<N extends LiveName>(room: string, name: N, payload: LivePayloads[N]): void;
  /** For a room that is watched here. @returns a function that removes the listener */
  onFrame(listener: <N extends LiveName>(room: string, name: N, payload: LivePayloads[N]) => void): () => void;
}

export function createWatching(fleet: Fleet): LivePeers {
  const elsewhere = new Map<string, Set<Tag>>();
  const here = new Set<string>();

  function note(room: string, who: Tag, isWatched: boolean): void {
    const watchers = elsewhere.get(room) ?? new Set();
    if (isWatched) watchers.add(who);
    else watchers.delete(who);
    if (watchers.size > 0) elsewhere.set(room, watchers);
    else elsewhere.delete(room);
  }

  fleet.on('watch', ({ room, watched }, from) => note(room, from, watched));
  fleet.on('hello', (_message, from) => {
    for (const room of here) fleet.send({ kind: 'watch', room, watched: true }, from);
  });
  fleet.onChange(() => {
    for (const [room, watchers] of elsewhere) {
      for (const who of watchers) if (!fleet.members.includes(who)) note(room, who, false);
    }
  });

  return {
    isWatched: (room) => elsewhere.has(room),
    watch(room, watched) {
      if (watched) here.add(room);
      else here.delete(room);
      fleet.send({ kind: 'watch', room, watched });
    },
    send(room, name, payload) {
      for (const who of elsewhere.get(room) ?? []) fleet.send({ kind: 'frame', room, name, payload }, who);
    },
    onFrame: (listener) => fleet.on('frame', ({ room, name, payload }) => listener(room, name, payload as never)),
  };
}
