// Emits and receives the events of the catalogue. Local handlers run first; then each transport carries a shared event
// to other processes. A transport that fails is reported and forgotten: rows are the truth, events only hurry it.
import { type EventName, type EventPayload, type SentEvent, sharedEvents } from './schema';

export interface BusTransport {
  /** Whether it carries every event; without this only the shared ones, which other processes act on. */
  readonly carriesAll?: boolean;
  /** Hands an event to the other processes; resolves when it is out of our hands. */
  send(event: SentEvent): Promise<void>;
  close(): Promise<void>;
}

export interface Bus {
  /** Resolves when local handlers have run and every transport has taken the event or failed. Never rejects. */
  emit<N extends EventName>(name: N, payload: EventPayload<N>): Promise<void>;
  /** Runs local handlers only: for events that came from another process. Never rejects. */
  deliver(event: SentEvent): Promise<void>;
  /** @returns a function that removes the handler */
  on<N extends EventName>(name: N, handler: (payload: EventPayload<N>) => void | Promise<void>): () => void;
  addTransport(transport: BusTransport): void;
  close(): Promise<void>;
}

type Handler = (payload: unknown) => void | Promise<void>;

/** @param report called with every failure of a handler or transport */
export function createBus(report: (error: unknown, event: EventName) => void): Bus {
  const handlers = new Map<EventName, Set<Handler>>();
  const transports = new Set<BusTransport>();
  const shared: ReadonlySet<EventName> = new Set(sharedEvents);

  async function attempt(event: EventName, run: () => void | Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      report(error, event);
    }
  }

  async function deliver({ name, payload }: SentEvent): Promise<void> {
    await Promise.all([...(handlers.get(name) ?? [])].map((handler) => attempt(name, () => handler(payload))));
  }

  return {
    deliver,
    async emit(name, payload) {
      const event = { name, payload } as SentEvent;
      await deliver(event);
      const isShared = shared.has(name);
      const carriers = [...transports].filter((each) => isShared || each.carriesAll);
      await Promise.all(carriers.map((each) => attempt(name, () => each.send(event))));
    },
    on(name, handler) {
      const set = handlers.get(name) ?? new Set();
      handlers.set(name, set);
      set.add(handler as Handler);
      return () => set.delete(handler as Handler);
    },
    addTransport: (transport) => void transports.add(transport),
    async close() {
      handlers.clear();
      await Promise.all([...transports].map((each) => each.close()));
      transports.clear();
    },
  };
}
