import { afterEach, describe, expect, it, vi } from 'vitest';
import { HubError } from '../../../../lib/errors';
import { type Connection, createConnection } from '../../../../worker/upstream/connection';

interface Sent {
  id?: string | number;
  method?: string;
  params?: { _meta?: { progressToken?: string }; requestId?: string };
  error?: { code: number };
  result?: unknown;
}

const open: Connection[] = [];

function connect(hasOwnSession = false) {
  const sent: Sent[] = [];
  const aborted: string[] = [];
  const notes: string[] = [];
  const inVain: string[] = [];
  let hung = 0;
  const connection = createConnection(
    'fixture',
    {
      send(text, id) {
        sent.push(JSON.parse(text));
        return { abort: () => aborted.push(String(id)) };
      },
    },
    {
      hasOwnSession,
      notification: (method) => notes.push(method),
      hung: () => (hung += 1),
      inVain: (message) => inVain.push(message),
    },
  );
  open.push(connection);
  const receive = (message: object) => connection.receive(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message })));
  const ask = (onlyFor: string | undefined, message: object) =>
    connection.receive(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message })), onlyFor);
  return { connection, sent, aborted, notes, inVain, receive, ask, hung: () => hung };
}

afterEach(() => {
  for (const connection of open.splice(0)) connection.end(new HubError('INTERRUPTED'));
  vi.useRealTimers();
});

const patient = { timeoutMs: 10_000 };

describe('a connection', () => {
  it('gives every call an id that no other connection uses [L-RPC-02, N-RPC-02]', () => {
    const [first, second] = [connect(), connect()];
    for (const each of [first, second]) {
      for (let call = 0; call < 3; call += 1) each.connection.call('ping', undefined, patient).answer.catch(() => {});
    }
    const ids = [...first.sent, ...second.sent].map(({ id }) => id);
    expect(new Set(ids).size).toBe(6);
    expect(String(ids[0]).length).toBeGreaterThan(12);
  });

  it('gives answers that come in another order to the right callers', async () => {
    const { connection, sent, receive } = connect();
    const calls = ['a', 'b', 'c'].map((name) => connection.call('tools/call', { name }, patient));
    for (const index of [2, 0, 1]) receive({ id: sent[index]?.id, result: { index } });
    const answers = await Promise.all(calls.map(({ answer }) => answer));
    expect(answers.map(({ value }) => value)).toEqual([{ index: 0 }, { index: 1 }, { index: 2 }]);
  });

  it('drops and counts answers to unknown ids, second answers and answers after a cancel [L-CANCEL-03, N-CANCEL-05]', async () => {
    const { connection, sent, receive } = connect();
    const call = connection.call('tools/call', {}, patient);
    receive({ id: 'unknown', result: {} });
    receive({ id: 1, result: {} });
    receive({ id: sent[0]?.id, result: { right: true } });
    receive({ id: sent[0]?.id, result: { right: false } });
    expect((await call.answer).value).toEqual({ right: true });
    const cancelled = connection.call('tools/call', {}, patient);
    cancelled.cancel('no longer wanted');
    receive({ id: sent[1]?.id, result: {} });
    await expect(cancelled.answer).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(connection.counters.unknownAnswers).toBe(4);
  });

  it('tells the server of a cancel once, and lets the transport drop the request', async () => {
    const { connection, sent, aborted } = connect();
    const call = connection.call('tools/call', {}, patient);
    call.cancel('first');
    call.cancel('second');
    await expect(call.answer).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(sent.slice(1)).toEqual([
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: sent[0]?.id, reason: 'first' } },
    ]);
    expect(aborted).toEqual([sent[0]?.id]);
  });

  it('never cancels initialize [L-CANCEL-02]', async () => {
    const { connection, sent } = connect();
    const call = connection.call('initialize', {}, patient);
    call.cancel('stop');
    await expect(call.answer).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(sent).toHaveLength(1);
  });

  it('fails a silent call in time and tells the server [L-LIFE-07, N-CANCEL-03]', async () => {
    const { connection, sent } = connect();
    const call = connection.call('tools/call', {}, { timeoutMs: 60 });
    await expect(call.answer).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT' });
    expect(sent[1]).toMatchObject({ method: 'notifications/cancelled' });
    expect(connection.inflight).toBe(0);
  });

  it('lets progress extend a call, hands on only progress that rises, and none after the end [L-PROG-02, L-PROG-03, N-PROG-02]', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    const { connection, sent, receive } = connect();
    const seen: unknown[] = [];
    const call = connection.call(
      'tools/call',
      {},
      { timeoutMs: 250, onProgress: ({ progress }) => seen.push(progress) },
    );
    const progressToken = sent[0]?.params?._meta?.progressToken;
    for (let step = 1; step <= 8; step += 1) {
      vi.advanceTimersByTime(200);
      receive({ method: 'notifications/progress', params: { progressToken, progress: step } });
      receive({ method: 'notifications/progress', params: { progressToken, progress: step } });
    }
    receive({ id: sent[0]?.id, result: {} });
    receive({ method: 'notifications/progress', params: { progressToken, progress: 99 } });
    await call.answer;
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const silent = connection.call('tools/call', {}, { timeoutMs: 250 });
    vi.advanceTimersByTime(300);
    await expect(silent.answer).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT' });
  });

  it('a question outside of all calls goes to the only caller that ever used a session, if it is clear for which call', async () => {
    const caller = (owner: string, conversation = owner) => {
      const asked: string[] = [];
      const client = {
        owner,
        user: owner,
        conversation,
        isPassing: false,
        capabilities: { elicitation: {} },
        ask: async (method: string) => {
          asked.push(method);
          return { kind: 'result' as const, value: { action: 'accept' } };
        },
        notify: () => undefined,
      };
      return { asked, options: { ...patient, client } };
    };
    const question = { id: 7, method: 'elicitation/create', params: {} };
    const outcome = async ({ sent, ask }: ReturnType<typeof connect>) => {
      const before = sent.length;
      ask('', question);
      await new Promise((resolve) => setImmediate(resolve));
      return sent.slice(before).map(({ error }) => error?.code ?? 'answered');
    };
    const [mine, theirs] = [caller('mine'), caller('theirs')];
    const shared = connect();
    shared.connection.call('tools/call', {}, mine.options).answer.catch(() => {});
    expect(await outcome(shared)).toEqual([-32601]);
    const own = connect(true);
    expect(await outcome(own)).toEqual([-32601]);
    own.connection.call('tools/call', {}, mine.options).answer.catch(() => {});
    expect(await outcome(own)).toEqual(['answered']);
    expect(mine.asked).toEqual(['elicitation/create']);
    const second = own.connection.call('tools/call', {}, caller('mine', 'another').options);
    second.answer.catch(() => {});
    expect(await outcome(own)).toEqual([-32601]);
    second.cancel('enough');
    const other = own.connection.call('tools/call', {}, theirs.options);
    other.answer.catch(() => {});
    other.cancel('enough');
    expect(await outcome(own)).toEqual([-32601]);
    expect([mine.asked.length, theirs.asked.length]).toEqual([1, 0]);
  });

  it('hands on progress after the answer where the call says so, as one that begins a task does', async () => {
    const { connection, sent, receive } = connect();
    const seen: unknown[] = [];
    const options = { timeoutMs: 250, onProgress: (params: object) => void seen.push(params), progressLasts: true };
    const call = connection.call('tools/call', {}, options);
    const progressToken = sent[0]?.params?._meta?.progressToken;
    receive({ id: sent[0]?.id, result: { task: { taskId: 't' } } });
    await call.answer;
    for (const progress of [1, 1, 2])
      receive({ method: 'notifications/progress', params: { progressToken, progress } });
    expect(seen).toMatchObject([{ progress: 1 }, { progress: 2 }]);
    connection.end(new HubError('INTERRUPTED'));
    receive({ method: 'notifications/progress', params: { progressToken, progress: 3 } });
    expect(seen).toHaveLength(2);
  });

  it("sends no progress token unless progress is wanted, and never the caller's own [L-PROG-04, N-PROG-03]", () => {
    const { connection, sent } = connect();
    const params = { name: 'x', _meta: { progressToken: 'theirs', other: 1 } };
    connection.call('tools/call', params, patient).answer.catch(() => {});
    connection.call('tools/call', params, { ...patient, onProgress: () => {} }).answer.catch(() => {});
    expect(sent[0]?.params?._meta).toEqual({ other: 1 });
    expect(sent[1]?.params?._meta).toEqual({ other: 1, progressToken: sent[1]?.id });
    expect(params._meta.progressToken).toBe('theirs');
  });

  it('answers a ping and refuses everything else that a server asks', () => {
    const { sent, receive } = connect();
    receive({ id: 5, method: 'ping' });
    receive({ id: 'x', method: 'sampling/createMessage', params: {} });
    expect(sent).toEqual([
      { jsonrpc: '2.0', id: 5, result: {} },
      { jsonrpc: '2.0', id: 'x', error: { code: -32601, message: expect.stringContaining('sampling/createMessage') } },
    ]);
  });

  it('tells why a server asks in vain, and nothing of what no client could be asked', async () => {
    const { connection, sent, inVain, ask } = connect();
    const asked: string[] = [];
    const client = {
      capabilities: { roots: {} },
      owner: 'somebody',
      user: 'user',
      conversation: 'session',
      isPassing: false,
      ask: async (method: string) => {
        asked.push(method);
        return { kind: 'result' as const, value: {} };
      },
      notify: () => undefined,
    };
    const { answer } = connection.call('tools/call', {}, { ...patient, client });
    answer.catch(() => {});
    const id = String(sent[0]?.id);
    ask(id, { id: 1, method: 'roots/list' });
    ask(id, { id: 2, method: 'sampling/createMessage', params: {} });
    ask(undefined, { id: 3, method: 'elicitation/create', params: {} });
    ask(id, { id: 4, method: 'toString' });
    ask(id, { id: 5, method: 'ping' });
    await vi.waitFor(() => expect(sent).toHaveLength(6));
    expect(asked).toEqual(['roots/list']);
    expect(inVain).toEqual([
      expect.stringMatching(/"sampling\/createMessage" in vain: .* did not declare "sampling"/),
      expect.stringMatching(/"elicitation\/create" in vain: nothing told for which call/),
    ]);
  });

  it('ends a call after ten minutes, whatever progress it reports [L-LIFE-08, N-CANCEL-04, F-TRAP-05]', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    const { connection, sent, receive } = connect();
    let ended: unknown;
    connection.call('tools/call', {}, { timeoutMs: 60_000, onProgress: () => undefined }).answer.catch((error) => {
      ended = error;
    });
    const progressToken = sent[0]?.params?._meta?.progressToken;
    for (let progress = 1; progress < 20; progress += 1) {
      vi.advanceTimersByTime(30_000);
      receive({ method: 'notifications/progress', params: { progressToken, progress } });
    }
    await Promise.resolve();
    expect([ended, connection.inflight]).toEqual([undefined, 1]);
    vi.advanceTimersByTime(30_100);
    await Promise.resolve();
    await Promise.resolve();
    expect(ended).toMatchObject({ code: 'UPSTREAM_TIMEOUT', message: expect.stringContaining('10 minutes') });
    expect(sent.at(-1)).toMatchObject({ method: 'notifications/cancelled', params: { requestId: sent[0]?.id } });
  });

  it('hands on notifications that belong to no call', () => {
    const { notes, receive } = connect();
    receive({ method: 'notifications/tools/list_changed' });
    expect(notes).toEqual(['notifications/tools/list_changed']);
  });

  it('recognises a program that only echoes', async () => {
    const { connection, sent, receive } = connect();
    const call = connection.call('initialize', {}, patient);
    receive(sent[0] as object);
    await expect(call.answer).rejects.toMatchObject({ code: 'UPSTREAM_BAD_ANSWER' });
  });

  it('refuses results and errors of the wrong shape', async () => {
    const { connection, sent, receive } = connect();
    const calls = [{ result: 'text' }, { result: [] }, { error: 'text' }, { error: { code: 1.5, message: 'x' } }].map(
      (bad, index) => {
        const call = connection.call('tools/call', {}, patient);
        receive({ id: sent[index]?.id, ...bad });
        return call;
      },
    );
    for (const { answer } of calls) await expect(answer).rejects.toMatchObject({ code: 'UPSTREAM_BAD_ANSWER' });
  });

  it('fails the call of an over-long answer, whichever end names it, and no other', async () => {
    const { connection, sent } = connect();
    const [head, tail, other] = [1, 2, 3].map(() => connection.call('tools/call', {}, patient));
    const name = (index: number) => Buffer.from(`"id":"${sent[index]?.id}"`);
    connection.receiveOverlong(name(0), Buffer.from('x'), 17_000_000);
    connection.receiveOverlong(Buffer.from('x'), name(1), 17_000_000);
    connection.receiveOverlong(Buffer.from('x'), Buffer.from('y'), 17_000_000);
    await expect(head?.answer).rejects.toMatchObject({ code: 'UPSTREAM_BAD_ANSWER' });
    await expect(tail?.answer).rejects.toMatchObject({ code: 'UPSTREAM_BAD_ANSWER' });
    expect(connection.inflight).toBe(1);
    other?.answer.catch(() => {});
  });

  it('settles every call at its end, and every later one', async () => {
    const { connection } = connect();
    const before = connection.call('tools/call', {}, patient);
    connection.end(new HubError('INTERRUPTED'));
    await expect(before.answer).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await expect(connection.call('ping', undefined, patient).answer).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });

  it('takes what is no JSON-RPC for garbage and lives on', () => {
    const { connection } = connect();
    for (const text of ['', 'null', '17', '"x"', '{', '{}', '[]', '{"jsonrpc":"1.0"}', '\u0000']) {
      expect(connection.receive(Buffer.from(text))).toBe(false);
    }
  });

  it('asks with a ping after three time-outs in a row and reports a server that stays silent [L-PING-02]', async () => {
    const { connection, sent } = connect();
    const calls = [1, 2, 3].map(() => connection.call('tools/call', {}, { timeoutMs: 1 }));
    await Promise.allSettled(calls.map(({ answer }) => answer));
    expect(sent.at(-1)).toMatchObject({ method: 'ping' });
  });
});
