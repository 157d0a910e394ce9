// What callers without a credential may hold open: counted by their addresses, and bounded in all.
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { anonymousActor } from '../../../../lib/access/identities';
import type { Actor } from '../../../../lib/access/schema';
import type { Exchange } from '../../../../worker/gateway/http/exchange';
import { createStreams } from '../../../../worker/gateway/sessions/streams';
import { ModernCall } from '../../../../worker/gateway/stateless/modern-call';
import { createParking } from '../../../../worker/gateway/stateless/parking';

const member: Actor = { ...anonymousActor, kind: 'key', id: 'k', userId: 'u', name: 'member' };
const from = (remoteAddress?: string) =>
  Object.assign(new EventEmitter(), {
    destroyed: false,
    writableEnded: false,
    socket: { remoteAddress },
    req: { socket: { remoteAddress } },
  }) as unknown as ServerResponse;

/** Tries each in turn. @returns which were let in, and what ends the first of an address */
function holdAll(hold: (actor: Actor, address?: string) => () => void) {
  const ends = new Map<string, () => void>();
  const isIn = (address: string, actor: Actor = anonymousActor) => {
    try {
      ends.set(address, hold(actor, address));
      return true;
    } catch (error) {
      expect(['LIMIT_EXCEEDED', 'UNAVAILABLE']).toContain((error as { code: string }).code);
      return false;
    }
  };
  return { isIn, end: (address: string) => ends.get(address)?.() };
}

function check({ isIn, end }: ReturnType<typeof holdAll>): void {
  // Two of each address, five of all.
  expect(['192.0.2.1', '192.0.2.1', '192.0.2.1'].map((each) => isIn(each))).toEqual([true, true, false]);
  // The same address, as a socket of both families writes it.
  expect(isIn('::ffff:192.0.2.1')).toBe(false);
  // Whoever has a network of IPv6 has all addresses in it.
  expect(['2001:db8::1', '2001:db8::2', '2001:db8::3'].map((each) => isIn(each))).toEqual([true, true, false]);
  expect(isIn('2001:db8:0:1::1')).toBe(true);
  expect(isIn('192.0.2.9')).toBe(false);
  // Those with a key are not concerned, wherever they come from.
  expect([isIn('192.0.2.1', member), isIn('192.0.2.9', member), isIn('192.0.2.9', member)]).toEqual([
    true,
    true,
    false,
  ]);
  // What ends makes room, for the same address and for others.
  end('2001:db8:0:1::1');
  expect([isIn('192.0.2.9'), isIn('192.0.2.10')]).toEqual([true, false]);
  end('2001:db8::2');
  expect([isIn('2001:db8::4'), isIn('2001:db8::5')]).toEqual([true, false]);
}

it('open streams of callers without a credential are counted by address', () => {
  const streams = createStreams({ streams: 100, streamsPerUser: 2, streamsOfStrangers: 5 }, () => {});
  check(holdAll((actor, address) => streams.reserve(actor, from(address))));
  streams.close();
});

it('calls of callers without a credential that wait for answers are counted by address', () => {
  const limits = { parkedMs: 60_000, parkedPerCredential: 2, parkedOfStrangers: 5 };
  let last = '';
  const states = {
    seal: (_asking: unknown, { handle }: { handle: string }) => {
      last = handle;
      return handle;
    },
  };
  const parking = createParking(states as never, limits, 'w');
  const exchange = { notify() {}, answer() {}, keepAlive() {} } as unknown as Exchange;
  const host = { askClient() {}, isInterim: () => false };
  const envelope = { capabilities: {}, clientName: null, logLevel: undefined };
  const held = holdAll((actor, address) => {
    const asking = { actor, endpoint: {}, method: 'tools/call', params: {} } as never;
    const call = new ModernCall(asking, envelope, {} as never, host);
    call.attach(exchange, from(address), 1, undefined);
    parking.park(call);
    const handle = last;
    return () => void parking.take({ worker: 'w', handle });
  });
  check(held);
  expect(parking.size).toBe(7);
  parking.stop();
  expect(parking.size).toBe(0);
});
