import { randomUUID } from 'node:crypto';
import { createClient } from 'redis';
import { afterEach, describe, expect, it } from 'vitest';
import { type Bus, createBus } from '../../lib/events/bus';
import { createRedisTransport } from '../../lib/events/redis';
import { withRedis } from '../support/database';
import { until } from '../support/until';

const buses: Bus[] = [];

afterEach(async () => {
  await Promise.all(buses.splice(0).map((bus) => bus.close()));
});

interface Process {
  bus: Bus;
  faults: unknown[];
}

/** A bus as each process has it. */
async function join(url: string, channel: string): Promise<Process> {
  const faults: unknown[] = [];
  const bus = createBus((error) => faults.push(error));
  buses.push(bus);
  const report = (error: unknown) => void faults.push(error);
  bus.addTransport(await createRedisTransport({ url, channel, report, deliver: bus.deliver }));
  return { bus, faults };
}

withRedis('bus over Redis', (url) => {
  it('brings a shared event to the other processes once, and to its own only once', async () => {
    const channel = randomUUID();
    const [a, b, c] = [await join(url, channel), await join(url, channel), await join(url, channel)];
    const seen: string[] = [];
    for (const [name, { bus }] of Object.entries({ a, b, c })) {
      bus.on('key.revoked', ({ id }) => void seen.push(`${name}:${id}`));
    }
    await a.bus.emit('key.revoked', { id: '1', userId: 'u', secretHash: 'h' });
    await b.bus.emit('key.revoked', { id: '2', userId: 'u', secretHash: 'h' });
    await until(() => seen.length >= 6, 20_000);
    expect(seen.sort()).toEqual(['a:1', 'a:2', 'b:1', 'b:2', 'c:1', 'c:2']);
  });

  it('keeps events that are not shared in their process', async () => {
    const channel = randomUUID();
    const [a, b] = [await join(url, channel), await join(url, channel)];
    const seen: string[] = [];
    b.bus.on('config.reloaded', ({ file }) => void seen.push(file));
    b.bus.on('access.changed', ({ userId }) => void seen.push(userId));
    await a.bus.emit('config.reloaded', { file: 'f', faults: [] });
    await a.bus.emit('access.changed', { userId: 'u' });
    await until(() => seen.length > 0, 20_000);
    expect(seen).toEqual(['u']);
  });

  it('ignores and reports what is not in the catalogue, and goes on', async () => {
    const channel = randomUUID();
    const { bus, faults } = await join(url, channel);
    const seen: string[] = [];
    bus.on('access.changed', ({ userId }) => void seen.push(userId));
    const stranger = await createClient({ url }).connect();
    const messages = [
      'not json',
      '{"from":"x","name":"no.such.event","payload":{}}',
      '{"from":"x","name":"access.changed","payload":{"userId":7}}',
      '{"from":"x","name":"access.changed","payload":{"userId":"good"}}',
    ];
    for (const message of messages) await stranger.publish(channel, message);
    await until(() => seen.length > 0, 20_000);
    expect([seen, faults.length]).toEqual([['good'], 3]);
    await stranger.close();
  });

  it('subscribes again after its connections were cut', async () => {
    const channel = randomUUID();
    const [a, b] = [await join(url, channel), await join(url, channel)];
    const seen: string[] = [];
    b.bus.on('access.changed', ({ userId }) => void seen.push(userId));
    const admin = await createClient({ url }).connect();
    await admin.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub']);
    await admin.close();
    await until(async () => {
      await a.bus.emit('access.changed', { userId: 'u' });
      return seen.length > 0;
    }, 10_000);
  });
});

describe('bus without its Redis', () => {
  it('runs local handlers and reports the loss [F-DB-06]', async () => {
    const { bus, faults } = await join('redis://127.0.0.1:1', 'x');
    const seen: string[] = [];
    bus.on('access.changed', ({ userId }) => void seen.push(userId));
    await bus.emit('access.changed', { userId: 'u' });
    expect(seen).toEqual(['u']);
    expect(faults.length).toBeGreaterThan(0);
  });
});
