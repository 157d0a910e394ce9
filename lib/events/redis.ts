// Carries shared events between processes over Redis publish/subscribe. Delivery is a hint: what is sent while a
// connection is down is lost, and the rows stay the truth.
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { z } from 'zod';
import type { BusTransport } from './bus';
import { eventSchemas, type SentEvent, sharedEvents } from './schema';

const envelopeSchema = z.object({ from: z.string(), name: z.enum(sharedEvents), payload: z.unknown() });

export interface RedisBusOptions {
  url: string;
  /** Gets every event of the other processes: `bus.deliver`. */
  deliver: (event: SentEvent) => Promise<void>;
  /** Gets messages that make no sense, and the loss of the connection, once until it is back. */
  report: (error: unknown) => void;
  channel?: string;
}

/** Resolves when the first subscription stands, or at once after its failure: it then stands as soon as Redis does. */
export async function createRedisTransport(options: RedisBusOptions): Promise<BusTransport> {
  const { url, deliver, report, channel = 'mcphub:events' } = options;
  const self = randomUUID();
  // Redis lets a connection that subscribes do nothing else. Both fail fast and reconnect for ever by themselves.
  const settings = {
    connectTimeout: 2_000,
    enableOfflineQueue: false,
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt: number) => Math.min(100 * 2 ** Math.min(attempt, 10), 5_000),
  };
  const publisher = new Redis(url, { ...settings, commandTimeout: 1_000 });
  const subscriber = new Redis(url, { ...settings, autoResubscribe: false });
  let reported = false;
  for (const connection of [publisher, subscriber]) {
    connection.on('ready', () => {
      reported = false;
    });
    connection.on('error', (error) => {
      if (!reported) report(error);
      reported = true;
    });
  }

  subscriber.on('message', (_channel: string, text: string) => {
    const event = readEvent(text);
    if (event === 'own') return;
    if (event) void deliver(event);
    else report(new Error(`an event that is not in the catalogue came over Redis (${text.length} characters)`));
  });

  function readEvent(text: string): SentEvent | 'own' | undefined {
    try {
      const { from, name, payload } = envelopeSchema.parse(JSON.parse(text));
      if (from === self) return 'own';
      return { name, payload: eventSchemas[name].parse(payload) } as SentEvent;
    } catch {
      return undefined;
    }
  }

  const subscribed = new Promise<void>((resolve) => {
    subscriber.on('ready', () => void subscriber.subscribe(channel).catch(report).finally(resolve));
  });
  const [first] = await Promise.allSettled([subscriber.connect(), publisher.connect()]);
  if (first.status === 'fulfilled') await subscribed;

  return {
    async send(event) {
      await publisher.publish(channel, JSON.stringify({ from: self, ...event }));
    },
    async close() {
      subscriber.disconnect();
      publisher.disconnect();
    },
  };
}
