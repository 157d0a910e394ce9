import { describe, expect, it } from 'vitest';
import { HubError } from '../../../../lib/errors';
import { createCapabilitySets, everything } from '../../../../worker/upstream/capability-sets';
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

const client = (capabilities: Json): CallOptions => ({
  timeoutMs: 1000,
  client: { capabilities, ask: async () => ({ kind: 'result', value: {} }), notify: () => undefined },
});

/** 60 sets that all differ. */
const manySets: Json[] = [undefined, {}, { context: {} }, { tools: {} }, { context: {}, tools: {} }].flatMap(
  (sampling) =>
    [undefined, { form: {} }, { url: {} }, { form: {}, url: {} }].flatMap((elicitation) =>
      [undefined, {}, { listChanged: true }].map((roots) => ({ sampling, elicitation, roots })),
    ),
);

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
  const call = async (capabilities: Json, method = 'plain') =>
    (await made.call(method, undefined, client(capabilities)).answer).value;
  return { made, main, opened, call };
}

describe('connections by what their client can do', () => {
  it('equal sets share one, however they are written; first calls at once open it once', async () => {
    const { opened, call } = sets();
    const alike = [{ elicitation: {} }, { elicitation: { form: {} } }, { elicitation: { form: {} }, other: 1 }];
    expect(await Promise.all(alike.map((each) => call(each)))).toEqual(['link 0', 'link 0', 'link 0']);
    expect(opened).toHaveLength(1);
    expect(opened[0]?.set).toMatchObject({ elicitation: { form: {} } });
    expect(await call(everything)).toBe('main');
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

  it('of too many, the one that was idle longest is closed; while all are in use there is no other', async () => {
    const { made, opened, call } = sets();
    for (const each of manySets.slice(0, 32)) await call(each);
    await call(manySets[0] ?? {});
    await call(manySets[32] ?? {});
    expect(opened.map(({ isClosed }) => isClosed()).slice(0, 3)).toEqual([false, true, false]);
    for (const each of [manySets[0], ...manySets.slice(2, 33)]) made.call('busy', undefined, client(each ?? {}));
    await expect(call(manySets[40] ?? {})).rejects.toMatchObject({ code: 'BUSY' });
    expect(made.inflight).toBe(32);
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

  it('one that cannot be reached fails its calls, and the next call tries anew', async () => {
    let attempts = 0;
    const { call } = sets(async () => {
      attempts += 1;
      throw new HubError('UPSTREAM_UNAVAILABLE', 'Nothing listens.', { reason: 'connect-failed' });
    });
    await expect(call({})).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' });
    await expect(call({})).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' });
    expect(attempts).toBe(2);
  });

  it('all are closed with the main one', async () => {
    const { made, opened, call } = sets();
    await Promise.all([call({}), call({ roots: {} })]);
    await made.close();
    expect(opened.map(({ isClosed }) => isClosed())).toEqual([true, true]);
  });
});
