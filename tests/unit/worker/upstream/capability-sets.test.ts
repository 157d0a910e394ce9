import { afterEach, describe, expect, it, vi } from 'vitest';
import { HubError } from '../../../../lib/errors';
import { createCapabilitySets } from '../../../../worker/upstream/capability-sets';
import type { Link } from '../../../../worker/upstream/link';
import type { CallOptions } from '../../../../worker/upstream/types';

type Json = Record<string, unknown>;

/** A link that notes what it is asked; calls of the method "busy" stay open. */
function fakeLink(name: string) {
  const called: string[] = [];
  let inflight = 0;
  let closed = false;
  const connection = {
    get inflight() {
      return inflight;
    },
    call(method: string) {
      called.push(method);
      if (method === 'busy') {
        inflight += 1;
        return { answer: new Promise(() => undefined), cancel: () => undefined };
      }
      return { answer: Promise.resolve({ kind: 'result', value: name, raw: null }), cancel: () => undefined };
    },
    notify: (method: string) => void called.push(method),
  };
  const link = {
    connection,
    close: async () => {
      closed = true;
    },
  } as unknown as Link;
  return { link, called, isClosed: () => closed };
}

const client = (capabilities: Json, owner = 'somebody'): CallOptions => ({
  timeoutMs: 1000,
  client: {
    capabilities,
    owner,
    user: 'user',
    conversation: owner,
    isPassing: false,
    ask: async () => ({ kind: 'result', value: {} }),
    notify: () => undefined,
  },
});

function sets(open?: () => Promise<Link>) {
  const main = fakeLink('main');
  const opened: (ReturnType<typeof fakeLink> & { set: Json })[] = [];
  let now = 0;
  const made = createCapabilitySets({
    server: 'fixture',
    main: main.link,
    hasSessions: () => true,
    open:
      open ??
      (async (set) => {
        const each = { ...fakeLink(`link ${opened.length}`), set };
        opened.push(each);
        return each.link;
      }),
    now: () => ++now,
  });
  const call = async (capabilities: Json, owner?: string) =>
    (await made.call('plain', undefined, client(capabilities, owner)).answer).value;
  /** The time passes, and idle connections are looked for. */
  const pass = (ms: number) => {
    now += ms;
    vi.advanceTimersByTime(30_000);
  };
  return { made, main, opened, call, pass };
}

afterEach(() => void vi.useRealTimers());

describe('connections by what their client can do', () => {
  it('equal sets share one, however they are written; first calls at once open it once', async () => {
    const { opened, call } = sets();
    const alike = [{ elicitation: {} }, { elicitation: { form: {} } }, { elicitation: { form: {} }, other: 1 }];
    expect(await Promise.all(alike.map((each) => call(each)))).toEqual(['link 0', 'link 0', 'link 0']);
    expect(opened).toHaveLength(1);
    expect(opened[0]?.set).toMatchObject({ elicitation: { form: {} } });
  });

  it('the hub itself uses the main one, and its log level reaches all, also later ones', async () => {
    const { made, main, opened, call } = sets();
    await call({});
    await made.call('logging/setLevel', { level: 'info' }, { timeoutMs: 1000 }).answer;
    await call({ roots: {} });
    expect(main.called).toEqual(['logging/setLevel']);
    expect(opened[0]?.called).toEqual(['plain', 'logging/setLevel']);
    expect(opened[1]?.called).toContain('logging/setLevel');
  });

  it('a client with roots shares with no other, since servers remember them', async () => {
    const { call } = sets();
    const roots = { roots: {}, elicitation: {} };
    expect(await call(roots, 'one')).toBe('link 0');
    expect(await call(roots, 'two')).toBe('link 1');
    expect(await call(roots, 'one')).toBe('link 0');
    expect(await call({ elicitation: {} }, 'one')).toBe('link 2');
    expect(await call({ elicitation: {} }, 'two')).toBe('link 2');
  });

  it('of too many, the one that was idle longest is closed; while all are in use there is no other', async () => {
    const { made, opened, call } = sets();
    const owners = Array.from({ length: 300 }, (_, at) => `owner ${at}`);
    for (const owner of owners.slice(0, 256)) await call({ roots: {} }, owner);
    await call({ roots: {} }, owners[0]);
    await call({ roots: {} }, owners[256]);
    expect(opened.map(({ isClosed }) => isClosed()).slice(0, 3)).toEqual([false, true, false]);
    for (const owner of [owners[0], ...owners.slice(2, 257)]) {
      made.call('busy', undefined, client({ roots: {} }, owner));
    }
    await expect(call({ roots: {} }, owners[280])).rejects.toMatchObject({ code: 'BUSY' });
    expect(made.inflight).toBe(256);
  });

  it('a call that is cancelled before its connection is open is never sent', async () => {
    let finish: (link: Link) => void = () => undefined;
    const opening = new Promise<Link>((resolve) => {
      finish = resolve;
    });
    const { made } = sets(() => opening);
    const call = made.call('plain', undefined, client({}));
    call.cancel('enough');
    await expect(call.answer).rejects.toMatchObject({ code: 'CANCELLED' });
    const late = fakeLink('late');
    finish(late.link);
    await Promise.resolve();
    expect(late.called).toEqual([]);
    await made.close();
    expect(late.isClosed()).toBe(true);
  });

  it.each(['connect-failed', 'http-429'])(
    'one that fails (%s) fails its calls, and the next call tries anew',
    async (reason) => {
      let attempts = 0;
      const { call } = sets(async () => {
        attempts += 1;
        throw new HubError('UPSTREAM_UNAVAILABLE', 'Not now.', { reason });
      });
      await expect(call({})).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' });
      await expect(call({})).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' });
      expect(attempts).toBe(2);
    },
  );

  it('one that was idle for five minutes is closed, one in use is not, and the next call opens another', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { made, main, opened, call, pass } = sets();
    await call({});
    await call({ sampling: {} });
    made.call('busy', undefined, client({ sampling: {} }));
    pass(290_000);
    expect(opened.map(({ isClosed }) => isClosed())).toEqual([false, false]);
    pass(20_000);
    expect(opened.map(({ isClosed }) => isClosed())).toEqual([true, false]);
    expect(main.isClosed()).toBe(false);
    expect([await call({}), opened.length]).toEqual(['link 2', 3]);
    await made.close();
  });

  it('all are closed with the main one', async () => {
    const { made, opened, call } = sets();
    await Promise.all([call({}), call({ roots: {} })]);
    await made.close();
    expect(opened.map(({ isClosed }) => isClosed())).toEqual([true, true]);
  });
});
