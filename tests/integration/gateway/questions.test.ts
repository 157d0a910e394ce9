// What servers ask of the client of a session during a call: it reaches that client and nobody else, on the stream of
// that call, and only what the client declared.
import {
  CreateMessageRequestSchema,
  ElicitationCompleteNotificationSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { afterEach, describe, expect, it } from 'vitest';
import type { ClientSide } from '../../../worker/upstream/types';
import { type EventReader, readEvents } from '../../support/event-reader';
import {
  keyActor,
  memoryUpstream,
  RpcFailure,
  rpc,
  serverRow,
  startGateway,
  type TestGateway,
} from '../../support/gateway';
import { until } from '../../support/until';

let hub: TestGateway;
afterEach(() => hub.close());

type Json = Record<string, unknown>;
const everything = { elicitation: { form: {}, url: {} }, sampling: {}, roots: { listChanged: true } };
const form = { message: 'Who?', requestedSchema: { type: 'object', properties: {} } };
const call = (args: Json = {}, id: string | number = 1) =>
  rpc('tools/call', { name: 'asker__run', arguments: args, _meta: { progressToken: `token-${id}` } }, id);

interface Running {
  client: ClientSide;
  args: Json;
  signal: AbortSignal;
  progress(step: number, message: string): void;
}

/** A server whose one tool does what `run` does with the client's side; its outcome is the tool's text. */
async function start(run: (running: Running) => unknown, limits = {}, previous?: TestGateway) {
  const upstream = memoryUpstream(
    { tools: {}, logging: {} },
    async (method, params, { client, onProgress }, signal) => {
      if (method === 'tools/list') return { tools: [{ name: 'run', inputSchema: { type: 'object' } }] };
      if (method !== 'tools/call' || !client) return {};
      const progress = (step: number, message: string) => onProgress?.({ progressToken: 'x', progress: step, message });
      if ((params.arguments as Json | undefined)?.required) {
        const data = { elicitations: [{ mode: 'url', elicitationId: 'e-3', url: 'https://a/', message: 'Go' }] };
        return new RpcFailure({ code: -32042, message: 'first go there', data });
      }
      const outcome = await run({ client, args: (params.arguments ?? {}) as Json, signal, progress });
      return { content: [{ type: 'text', text: JSON.stringify(outcome) }] };
    },
  );
  hub = await startGateway({ servers: [serverRow('asker')], limits, ...(previous && { previous }) });
  hub.supervisor.open('id-asker', upstream);
  const session = await hub.session();
  await until(async () => {
    const { result } = await (await hub.post(rpc('tools/list'), { session })).json();
    return result.tools.length > 0;
  }, 5000);
}

const ask = ({ client, args, signal }: Running) =>
  client.ask(String(args.method ?? 'elicitation/create'), (args.params as Json) ?? form, signal);

async function outcomeOf(reader: EventReader) {
  const { result } = await reader.message();
  return JSON.parse(result.content[0].text);
}

const answerTo = (question: { id: string }, result: unknown) => ({ jsonrpc: '2.0', id: question.id, result });

describe('the official client', () => {
  it('answers elicitation, sampling and roots, and hears that a page is done with [L-ASK-03]', async () => {
    await start(async ({ client, signal }) => {
      const url = { mode: 'url', message: 'Go', url: 'https://a.example/', elicitationId: 'e-1' };
      const answers = await Promise.all([
        client.ask('elicitation/create', form, signal),
        client.ask('sampling/createMessage', { messages: [], maxTokens: 5 }, signal),
        client.ask('roots/list', undefined, signal),
        client.ask('elicitation/create', url, signal),
      ]);
      client.notify('notifications/elicitation/complete', { elicitationId: 'e-1' });
      client.notify('notifications/elicitation/complete', { elicitationId: 'of somebody else' });
      return answers;
    });
    const completed: string[] = [];
    const { client } = await hub.client('/api/mcp', 'key-a', everything, (made) => {
      made.setRequestHandler(ElicitRequestSchema, ({ params }) => ({
        action: 'accept',
        ...(params.mode !== 'url' && { content: { name: 'Ada' } }),
      }));
      made.setRequestHandler(CreateMessageRequestSchema, () => ({
        role: 'assistant',
        model: 'm',
        content: { type: 'text', text: 'Paris' },
      }));
      made.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///w' }] }));
      made.setNotificationHandler(ElicitationCompleteNotificationSchema, ({ params }) => {
        completed.push(params.elicitationId);
      });
    });
    const { content } = (await client.callTool({ name: 'asker__run' })) as { content: { text: string }[] };
    expect(JSON.parse(content[0]?.text ?? '')).toEqual([
      { kind: 'result', value: { action: 'accept', content: { name: 'Ada' } } },
      { kind: 'result', value: { role: 'assistant', model: 'm', content: { type: 'text', text: 'Paris' } } },
      { kind: 'result', value: { roots: [{ uri: 'file:///w' }] } },
      { kind: 'result', value: { action: 'accept' } },
    ]);
    expect(completed).toEqual(['e-1']);
  });

  it.each([
    ['asked', {}, 'e-2'],
    ['refused until it was there', { required: true }, 'e-3'],
  ])(
    'the completion reaches the session that was sent to the page, %s [L-ASK-05]',
    async (_how, args, elicitationId) => {
      await start(({ client, signal }) =>
        client.ask(
          'elicitation/create',
          { mode: 'url', message: 'Go', url: 'https://a/', elicitationId: 'e-2' },
          signal,
        ),
      );
      const heard: Record<string, string[]> = { one: [], two: [] };
      for (const name of ['one', 'two']) {
        const { client } = await hub.client('/api/mcp', 'key-a', everything, (made) => {
          made.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept' }));
          made.setNotificationHandler(ElicitationCompleteNotificationSchema, ({ params }) => {
            heard[name]?.push(params.elicitationId);
          });
        });
        if (name === 'one') await client.callTool({ name: 'asker__run', arguments: args }).catch(() => undefined);
      }
      await until(() => {
        hub.supervisor.notify('id-asker', 'notifications/elicitation/complete', { elicitationId });
        return (heard.one?.length ?? 0) > 0;
      }, 5000);
      expect(heard).toEqual({ one: [elicitationId], two: [] });
    },
  );

  it('the error that sends to a page passes with its list of elicitations [L-ASK-06]', async () => {
    await start(ask);
    const session = await hub.session('/api/mcp', 'key-a', '2025-11-25', everything);
    const { error } = await (await hub.post(call({ required: true }), { session })).json();
    const elicitations = [{ mode: 'url', elicitationId: 'e-3', url: 'https://a/', message: 'Go' }];
    expect(error).toEqual({ code: -32042, message: 'first go there', data: { elicitations } });
  });

  it('changed roots are told to the servers, in the name of the client that may be asked, and once [L-ASK-07]', async () => {
    await start(ask);
    const told: unknown[] = [];
    const upstream = hub.supervisor.upstreamOf('id-asker');
    hub.supervisor.open('id-asker', { ...upstream, notify: (...about) => told.push(about) });
    const changed = { jsonrpc: '2.0', method: 'notifications/roots/list_changed' };
    const silent = await hub.session('/api/mcp', 'key-a', '2025-11-25', { roots: {} });
    const session = await hub.session('/api/mcp', 'key-a', '2025-11-25', everything);
    for (const each of [silent, session, session, session]) {
      expect((await hub.post(changed, { session: each })).status).toBe(202);
    }
    await until(() => told.length > 0, 5000);
    expect(told).toEqual([
      [changed.method, undefined, expect.objectContaining({ capabilities: everything, owner: expect.any(String) })],
    ]);
  });

  it('what was declared survives a restart of the hub [F-TRAP-04]', async () => {
    await start(ask);
    const first = hub;
    const { client, transport } = await hub.client('/api/mcp', 'key-a', everything);
    const session = String(transport.sessionId);
    await client.close();
    await start(ask, {}, first);
    const reader = readEvents(await hub.post(call(), { session }));
    const question = await reader.message();
    expect((await hub.post(answerTo(question, { action: 'decline' }), { session })).status).toBe(202);
    expect(await outcomeOf(reader)).toEqual({ kind: 'result', value: { action: 'decline' } });
    await first.close();
  });
});

describe('nothing crosses', () => {
  it('questions, progress and log messages of concurrent sessions each stay on their own call [L-ASK-02, L-HTTP-07]', async () => {
    await start(async ({ client, args, signal, progress }) => {
      const { marker } = args;
      const answers = [];
      for (let step = 1; step <= 5; step++) {
        progress(step, String(marker));
        client.notify('notifications/message', { level: 'error', data: marker });
        answers.push(await client.ask('elicitation/create', { ...form, message: marker }, signal));
        answers.push(
          await client.ask('sampling/createMessage', { systemPrompt: marker, messages: [], maxTokens: 1 }, signal),
        );
      }
      return answers.map(({ value }) => (value as Json).marker);
    });
    hub.keys.set('key-b', keyActor('b'));
    await Promise.all(
      ['key-a', 'key-b', 'key-a'].map(async (key, index) => {
        const marker = `marker-${index}`;
        const session = await hub.session('/api/mcp', key, '2025-11-25', everything);
        const reader = readEvents(await hub.post(call({ marker }, index), { key, session }));
        const counts = { questions: 0, progress: 0, logs: 0 };
        for (;;) {
          const message = await reader.message();
          if (message.result) {
            expect(message.id).toBe(index);
            expect(JSON.parse(message.result.content[0].text)).toEqual(Array(10).fill(marker));
            break;
          }
          expect(JSON.stringify(message)).toContain(marker);
          if (message.method === 'notifications/progress') {
            expect(message.params.progressToken).toBe(`token-${index}`);
            counts.progress++;
          } else if (message.method === 'notifications/message') {
            counts.logs++;
          } else {
            counts.questions++;
            await hub.post(answerTo(message, { marker }), { key, session });
          }
        }
        expect(counts).toEqual({ questions: 10, progress: 5, logs: 5 });
      }),
    );
  });

  it("nobody answers another session's question, not even the same user in another session", async () => {
    await start(ask);
    hub.keys.set('key-b', keyActor('b'));
    const session = await hub.session('/api/mcp', 'key-a', '2025-11-25', everything);
    const reader = readEvents(await hub.post(call(), { session }));
    const question = await reader.message();
    const other = await hub.session('/api/mcp', 'key-a', '2025-11-25', everything);
    const foreign = await hub.session('/api/mcp', 'key-b', '2025-11-25', everything);
    const wrong = { action: 'accept', content: { stolen: true } };
    expect((await hub.post(answerTo(question, wrong), { session: other })).status).toBe(202);
    expect((await hub.post(answerTo(question, wrong), { session: foreign, key: 'key-b' })).status).toBe(202);
    expect((await hub.post(answerTo(question, wrong), { session, key: 'key-b' })).status).toBe(404);
    expect((await hub.post(answerTo({ id: 'unknown' }, wrong), { session })).status).toBe(202);
    expect((await hub.post({ jsonrpc: '2.0', id: 1, result: wrong }, { session })).status).toBe(202);
    await hub.post(answerTo(question, { action: 'decline' }), { session });
    // A second answer is one too many.
    await hub.post(answerTo(question, wrong), { session });
    expect(await outcomeOf(reader)).toEqual({ kind: 'result', value: { action: 'decline' } });
    expect(hub.gateway.stats()).toMatchObject({ questions: 0, droppedAnswers: 5 });
  });
});

describe('a question that cannot be put gets an error at once', () => {
  it.each([
    ['elicitation/create', form, {}, -32601],
    ['sampling/createMessage', { messages: [] }, { elicitation: {} }, -32601],
    ['roots/list', {}, { elicitation: {} }, -32601],
    ['tools/call', {}, { tools: {} }, -32601],
    ['elicitation/create', { ...form, mode: 'url' }, { elicitation: {} }, -32602],
    ['elicitation/create', form, { elicitation: { url: {} } }, -32602],
    ['elicitation/create', { ...form, mode: 'thought' }, { elicitation: { form: {}, url: {} } }, -32602],
    ['sampling/createMessage', { messages: [], tools: [] }, { sampling: {} }, -32602],
  ])('%s %j of a client with %j [L-ASK-01, L-ASK-04]', async (method, params, capabilities, code) => {
    await start(ask);
    const session = await hub.session('/api/mcp', 'key-a', '2025-11-25', capabilities);
    const { result } = await (await hub.post(call({ method, params }), { session })).json();
    expect(JSON.parse(result.content[0].text)).toMatchObject({ kind: 'error', value: { code } });
  });

  it('after the client left, and when it leaves while it is asked', async () => {
    const outcomes: unknown[] = [];
    await start(async (running) => {
      outcomes.push(await ask(running));
      outcomes.push(await ask(running));
      return outcomes;
    });
    const session = await hub.session('/api/mcp', 'key-a', '2025-11-25', everything);
    const reader = readEvents(await hub.post(call(), { session }));
    await reader.message();
    await reader.cancel();
    await until(() => outcomes.length === 2, 5000);
    expect(outcomes).toMatchObject([{ value: { code: 1007 } }, { value: { code: 1007 } }]);
  });

  it('when the session ends, which also cancels its calls', async () => {
    const outcomes: unknown[] = [];
    let cancelled = false;
    await start(async (running) => {
      running.signal.addEventListener('abort', () => {
        cancelled = true;
      });
      outcomes.push(await ask(running));
    });
    const session = await hub.session('/api/mcp', 'key-a', '2025-11-25', everything);
    const reader = readEvents(await hub.post(call(), { session }));
    await reader.message();
    expect((await hub.post(null, { session, method: 'DELETE' })).status).toBe(204);
    await until(() => outcomes.length === 1, 5000);
    expect(outcomes).toMatchObject([{ kind: 'error', value: { code: 1007 } }]);
    expect(cancelled).toBe(true);
  });

  it('when the client takes too long, which it is told', async () => {
    await start(ask, { questionTimeoutMs: 300 });
    const session = await hub.session('/api/mcp', 'key-a', '2025-11-25', everything);
    const reader = readEvents(await hub.post(call(), { session }));
    const { id } = await reader.message();
    expect(await reader.message()).toMatchObject({ method: 'notifications/cancelled', params: { requestId: id } });
    expect(await outcomeOf(reader)).toMatchObject({ kind: 'error', value: { code: 1002 } });
  });

  it('when too many wait already', async () => {
    await start(({ client, signal }) => Promise.race([1, 2, 3].map(() => client.ask('roots/list', {}, signal))), {
      questionsPerSession: 2,
    });
    const session = await hub.session('/api/mcp', 'key-a', '2025-11-25', everything);
    const reader = readEvents(await hub.post(call(), { session }));
    await reader.message();
    await reader.message();
    expect(await outcomeOf(reader)).toMatchObject({ kind: 'error', value: { code: 1003 } });
  });

  it.each([
    ['a result that is no object', { result: 7 }],
    ['an error that is none', { error: 'no' }],
  ])('%s becomes an error', async (_what, body) => {
    await start(ask);
    const session = await hub.session('/api/mcp', 'key-a', '2025-11-25', everything);
    const reader = readEvents(await hub.post(call(), { session }));
    const { id } = await reader.message();
    await hub.post({ jsonrpc: '2.0', id, ...body }, { session });
    expect(await outcomeOf(reader)).toMatchObject({ kind: 'error', value: { code: -32602 } });
  });
});

describe('cancellation', () => {
  it('a server that gives up its question has it withdrawn, within 300 ms', async () => {
    const giveUp = new AbortController();
    await start(({ client }) => client.ask('elicitation/create', form, giveUp.signal));
    const session = await hub.session('/api/mcp', 'key-a', '2025-11-25', everything);
    const reader = readEvents(await hub.post(call(), { session }));
    const { id } = await reader.message();
    const startedAtMs = performance.now();
    giveUp.abort();
    expect(await reader.message()).toMatchObject({ method: 'notifications/cancelled', params: { requestId: id } });
    expect(performance.now() - startedAtMs).toBeLessThan(300);
    expect(await outcomeOf(reader)).toMatchObject({ kind: 'error' });
  });

  it('a client that cancels its call is heard by the server within 300 ms', async () => {
    let cancelledAtMs = 0;
    let started = () => {};
    const running = new Promise<void>((resolve) => {
      started = resolve;
    });
    await start(({ signal }) => {
      started();
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          cancelledAtMs = performance.now();
          resolve(null);
        });
      });
    });
    const session = await hub.session();
    const response = hub.post(call({}, 'c'), { session });
    await running;
    const sentAtMs = performance.now();
    await hub.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'c' } }, { session });
    expect(cancelledAtMs - sentAtMs).toBeLessThan(300);
    expect(cancelledAtMs).toBeGreaterThan(0);
    expect(await (await response).text()).toBe('');
  });
});

describe('a hub that is about to stop', () => {
  it('takes its questions back and puts no more, so that their calls end', async () => {
    await start(async (running) => [await ask(running), await ask(running)]);
    const session = await hub.session(undefined, undefined, undefined, everything);
    const reader = readEvents(await hub.post(call(), { session }));
    const question = await reader.message();
    hub.gateway.drain();
    expect(await reader.message()).toMatchObject({
      method: 'notifications/cancelled',
      params: { requestId: question.id },
    });
    const refused = { kind: 'error', value: { message: 'The hub is shutting down.' } };
    expect(await outcomeOf(reader)).toMatchObject([refused, refused]);
    expect(hub.gateway.stats()).toMatchObject({ inflight: 0, questions: 0 });
  });
});
