import { describe, expect, it } from 'vitest';
import { createKeyring } from '../../../../lib/access/keyring';
import type { Actor } from '../../../../lib/access/schema';
import { createSessions, type Session } from '../../../../worker/gateway/sessions/sessions';

const actor = (id: string): Actor => ({
  kind: 'key',
  id,
  userId: id,
  name: id,
  permissions: [],
  groupIds: [],
  keyScope: null,
});

function bench({ key = 'k', now = (): number => 0, ended = new Set<string>(), busy = new Set<string>() } = {}) {
  const released: Session[] = [];
  const sessions = createSessions({
    keyring: createKeyring(Buffer.from(key.padEnd(32, '0123456789abcdef'))),
    ended: { has: async (hash) => ended.has(hash), add: async (hash) => void ended.add(hash) },
    now,
    released: (session) => void released.push(session),
    isBusy: ({ id }) => busy.has(id),
    report: () => undefined,
  });
  const open = async (id: string, who = actor('a'), endpoint = '') => sessions.open(id, who, endpoint);
  return { sessions, open, released, ended };
}

const gone = { code: 'SESSION_NOT_FOUND' };

describe('a session id', () => {
  it('carries what the client said, to any process with the same key [L-HTTP-14]', async () => {
    const { id } = bench().sessions.create(actor('a'), 'x', '2025-06-18', { roots: {} }, 'client');
    expect(id).toMatch(/^[\x21-\x7e]+$/);
    const session = await bench().open(id, actor('a'), 'x');
    expect(session).toMatchObject({
      protocolVersion: '2025-06-18',
      clientCapabilities: { roots: {} },
      clientName: 'client',
    });
  });

  it('is void for another credential, endpoint or master key, and with any bit flipped [L-SEC-01, L-HTTP-13, T-SESSION-01]', async () => {
    const { id } = bench().sessions.create(actor('a'), 'x', '2025-06-18', {}, '');
    await expect(bench().open(id, actor('b'), 'x')).rejects.toMatchObject(gone);
    await expect(bench().open(id, actor('a'), 'y')).rejects.toMatchObject(gone);
    await expect(bench({ key: 'other' }).open(id, actor('a'), 'x')).rejects.toMatchObject(gone);
    const { open } = bench();
    for (let at = 0; at < id.length; at++) {
      const flipped = id.slice(0, at) + (id[at] === 'A' ? 'B' : 'A') + id.slice(at + 1);
      await expect(open(flipped, actor('a'), 'x')).rejects.toMatchObject(gone);
    }
  });

  it('expires after 7 days, also where it is known', async () => {
    let now = 1000;
    const { sessions, open } = bench({ now: () => now });
    const { id } = sessions.create(actor('a'), '', '2025-06-18', {}, '');
    now += 7 * 24 * 3600_000;
    await open(id);
    now += 1;
    await expect(open(id)).rejects.toMatchObject(gone);
  });

  it('that was ended is void everywhere, and what it held is released once', async () => {
    const { sessions, open, released, ended } = bench();
    const session = sessions.create(actor('a'), '', '2025-06-18', {}, '');
    await sessions.end(session);
    expect(released).toEqual([session]);
    await expect(open(session.id)).rejects.toMatchObject(gone);
    await expect(bench({ ended }).open(session.id)).rejects.toMatchObject(gone);
  });

  it('stays small however much a client declares', () => {
    const { id, clientCapabilities } = bench().sessions.create(
      actor('a'),
      '',
      '2025-06-18',
      { x: 'y'.repeat(9000) },
      'n'.repeat(9000),
    );
    expect(id.length).toBeLessThan(1000);
    expect(clientCapabilities).toEqual({});
  });

  it('opened twice at once is one session [F-TRAP-02]', async () => {
    const { id } = bench().sessions.create(actor('a'), '', '2025-06-18', {}, '');
    const { open } = bench();
    const [one, two] = await Promise.all([open(id), open(id)]);
    expect(one).toBe(two);
  });
});

describe('more sessions than are kept at hand', () => {
  it('one in use is never freed, and goes once its last call ended [F-TRAP-01]', () => {
    const busy = new Set<string>();
    const { sessions, released } = bench({ busy });
    const [first, second] = ['one', 'two'].map((name) => sessions.create(actor('a'), '', '2025-06-18', {}, name));
    busy.add(String(first?.id));
    for (let count = 0; count < 10_000; count++) sessions.create(actor('a'), '', '2025-06-18', {}, 'more');
    expect(released).toEqual([second]);
    sessions.purge();
    expect(released).toEqual([second]);
    busy.clear();
    sessions.purge();
    expect(released).toEqual([second, first]);
  });

  it('one that is used again is kept like any other', async () => {
    const busy = new Set<string>();
    const { sessions, released, open } = bench({ busy });
    const first = sessions.create(actor('a'), '', '2025-06-18', {}, 'one');
    busy.add(first.id);
    for (let count = 0; count < 10_000; count++) sessions.create(actor('a'), '', '2025-06-18', {}, 'more');
    expect(await open(first.id)).toBe(first);
    busy.clear();
    sessions.purge();
    sessions.unpin(first);
    expect(released).not.toContain(first);
    expect(await open(first.id)).toBe(first);
  });
});
