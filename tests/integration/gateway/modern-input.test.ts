// Servers that ask their client something while a client of revision 2026-07-28 calls them: questions of servers with
// sessions become "input_required" and a call that waits, those of servers without pass with their state sealed.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CallOptions, ClientAnswer, Upstream } from '../../../worker/upstream/types';
import { fairNow } from '../../support/fair-clock';
import { keyActor, memoryUpstream, RpcFailure, serverRow, startGateway, type TestGateway } from '../../support/gateway';
import { lastMessage, type ModernOptions, messagesOf, modernClient, modernPost } from '../../support/modern';
import { until } from '../../support/until';

type Json = Record<string, unknown>;

let hub: TestGateway;
let nowMs: number;
const cancelled: string[] = [];
const answered: ClientAnswer[] = [];
const rounds: Json[] = [];
const tools = ['ask', 'both', 'later', 'sample', 'roots', 'url', 'urlError', 'stages', 'wish', 'fail', 'never'];

const form = (message: string) => ({
  message,
  requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
});
const text = (value: unknown) => ({ content: [{ type: 'text', text: JSON.stringify(value) }] });

/** A server of an earlier revision: it asks while its call is open. */
async function legacyCall(params: Json, { client, onProgress }: CallOptions, signal: AbortSignal): Promise<unknown> {
  const args = (params.arguments ?? {}) as Json;
  signal.addEventListener('abort', () => cancelled.push(String(args.tag ?? '')));
  const ask = async (method: string, question: Json) => {
    const answer = await (client as NonNullable<typeof client>).ask(method, question, signal);
    answered.push(answer);
    return answer.value;
  };
  switch (params.name) {
    case 'ask':
      return text(await ask('elicitation/create', { ...form(`name of ${args.tag}`), _meta: { progressToken: 3 } }));
    case 'both':
      return text(await Promise.all([ask('elicitation/create', form('a')), ask('roots/list', {})]));
    case 'later':
      return text([await ask('elicitation/create', form('a')), await ask('elicitation/create', form('b'))]);
    case 'sample':
      return text(await ask('sampling/createMessage', { messages: [], maxTokens: 1 }));
    case 'roots':
      return text(await ask('roots/list', {}));
    case 'url':
      return text(
        await ask('elicitation/create', { mode: 'url', url: 'https://x.test/', elicitationId: 'e1', message: 'go' }),
      );
    case 'urlError': {
      rounds.push(params);
      if (rounds.length > 1) return text('through');
      const elicitations = [{ mode: 'url', url: 'https://x.test/', elicitationId: 'e1', message: 'go' }];
      return new RpcFailure({ code: -32042, message: 'go', data: { elicitations } } as never);
    }
    case 'stages':
      onProgress?.({ progress: 1 });
      await ask('elicitation/create', form('a'));
      onProgress?.({ progress: 2 });
      return text('done');
    case 'wish':
      return { resultType: 'input_required', content: [] };
    case 'complete':
      await ask('roots/list', {});
      return new RpcFailure({ code: -32042, message: 'go' });
    case 'fail':
      await ask('elicitation/create', form('a'));
      return new RpcFailure({ code: 77, message: 'late' });
    default:
      return new Promise(() => undefined);
  }
}

/** A server of this revision: it answers each time, and knows by its state how far it is. */
function modernCall(params: Json): unknown {
  rounds.push(params);
  const inputRequests = { name: { method: 'elicitation/create', params: form('name') } };
  switch (params.name) {
    case 'ask':
      if (params.requestState === `state ${(params.arguments as Json | undefined)?.tag}`)
        return text(params.inputResponses);
      return {
        resultType: 'input_required',
        inputRequests,
        requestState: `state ${(params.arguments as Json | undefined)?.tag}`,
      };
    case 'both':
      return params.inputResponses ? text(params.inputResponses) : { resultType: 'input_required', inputRequests };
    case 'later':
      return params.requestState ? text('late') : { resultType: 'input_required', requestState: 'only' };
    case 'sample':
      return { resultType: 'input_required', inputRequests: { s: { method: 'sampling/createMessage', params: {} } } };
    case 'never':
      return { resultType: 'input_required' };
    default:
      return text(null);
  }
}

const lists = (names: string[]) => ({ tools: names.map((name) => ({ name, inputSchema: { type: 'object' } })) });

beforeEach(async () => {
  for (const list of [cancelled, answered, rounds]) list.length = 0;
  nowMs = Date.now();
  hub = await startGateway({
    servers: [serverRow('old'), serverRow('new')],
    limits: { inflightPerServer: 20 },
    now: () => nowMs,
  });
  hub.keys.set('key-b', keyActor('b'));
  hub.supervisor.open(
    'id-old',
    memoryUpstream({ tools: {}, prompts: {} }, (method, params, options, signal) => {
      if (method === 'tools/list') return lists(tools);
      if (method === 'prompts/list') return { prompts: [{ name: 'greet' }] };
      if (method === 'completion/complete') return legacyCall({ name: 'complete' }, options, signal);
      return legacyCall(method === 'prompts/get' ? { ...params, name: 'ask' } : params, options, signal);
    }),
  );
  const upstream = memoryUpstream({ tools: {} }, (method, params) =>
    method === 'tools/list' ? lists(tools) : modernCall(params),
  );
  const handshake = { ...upstream.handshake, era: 'modern' as const, protocolVersion: '2026-07-28' };
  hub.supervisor.open('id-new', Object.create(upstream, { handshake: { value: handshake } }) as Upstream);
  await until(() => hub.gateway.toolCount('id-old') + hub.gateway.toolCount('id-new') === 2 * tools.length, 2000);
});

afterEach(() => hub.close());

const everything = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };
const old = { path: '/api/mcp/old', capabilities: everything };
const modern = { path: '/api/mcp/new', capabilities: everything };

interface Wish {
  resultType: string;
  inputRequests: Record<string, { method: string; params: Json }>;
  requestState: string;
}

async function call(name: string, more: Json = {}, options: ModernOptions = old): Promise<Json> {
  const response = await modernPost(hub, 'tools/call', { name, ...more }, options);
  const answer = await lastMessage(response);
  return { status: response.status, ...answer };
}

async function wishOf(name: string, more: Json = {}, options: ModernOptions = old): Promise<Wish> {
  const { result } = (await call(name, more, options)) as { result: Wish };
  expect(result).toMatchObject({ resultType: 'input_required' });
  return result;
}

const accept = (name: string) => ({ action: 'accept', content: { name } });
const refused = { error: { code: -32602 } };

describe('a server with sessions asks', () => {
  it('the client gets the question, the server the answer, the call goes on where it was', async () => {
    const { inputRequests, requestState } = await wishOf('ask', { arguments: { tag: 't' } });
    const [[key = '', request] = []] = Object.entries(inputRequests);
    expect(request).toEqual({ method: 'elicitation/create', params: form('name of t') });
    const inputResponses = { [key]: accept('Ada'), unasked: { x: 1 } };
    const done = await call('ask', { arguments: { tag: 't' }, requestState, inputResponses }, { ...old, id: 2 });
    expect(done).toMatchObject({
      id: 2,
      result: { resultType: 'complete', content: [{ text: JSON.stringify(accept('Ada')) }] },
    });
    expect(hub.records).toMatchObject([{ tool: 'ask', outcome: 'ok' }]);
    expect(hub.gateway.stats()).toMatchObject({ inflight: 0, parked: 0 });
  });

  it('questions that are open together are asked together; a missing answer is asked again [N-MRTR-02, N-MRTR-06]', async () => {
    const first = await wishOf('both');
    const [form = '', roots = ''] = Object.keys(first.inputRequests);
    const second = await wishOf('both', {
      requestState: first.requestState,
      inputResponses: { [roots]: { roots: [] } },
    });
    expect(Object.keys(second.inputRequests)).toEqual([form]);
    const inputResponses = { [form]: accept('Ada') };
    const done = await call('both', { requestState: second.requestState, inputResponses });
    expect(done).toMatchObject({ result: { content: [{ text: JSON.stringify([accept('Ada'), { roots: [] }]) }] } });
  });

  it('one question after the other makes one round after the other, each with a state of its own', async () => {
    const first = await wishOf('later');
    const answer = (wish: Wish, name: string) => ({ [Object.keys(wish.inputRequests)[0] as string]: accept(name) });
    const second = await wishOf('later', { requestState: first.requestState, inputResponses: answer(first, '1') });
    expect(second.requestState).not.toBe(first.requestState);
    const done = await call('later', { requestState: second.requestState, inputResponses: answer(second, '2') });
    expect(done).toMatchObject({ result: { content: [{ text: JSON.stringify([accept('1'), accept('2')]) }] } });
    expect(hub.records).toHaveLength(1);
  });

  it('a state works once', async () => {
    const { requestState } = await wishOf('ask');
    const retry = { requestState, inputResponses: { 'input-1': accept('Ada') } };
    const [one, two] = await Promise.all([
      call('ask', retry, { ...old, id: 2 }),
      call('ask', retry, { ...old, id: 3 }),
    ]);
    expect([one, two].filter((answer) => 'result' in answer)).toHaveLength(1);
    expect([one, two].find((answer) => 'error' in answer)).toMatchObject(refused);
    expect(await call('ask', retry, { ...old, id: 4 })).toMatchObject(refused);
  });

  it.each<[string, string, Json, ModernOptions]>([
    ['of another credential', 'ask', {}, { key: 'key-b' }],
    ['at another endpoint', 'old__ask', {}, { path: '/api/mcp' }],
    ['for another tool', 'roots', {}, {}],
    ['for other arguments', 'ask', { arguments: { tag: 'other' } }, {}],
    ['that is forged', 'ask', { requestState: 'AAAA' }, {}],
    ['that is no text', 'ask', { requestState: 7 }, {}],
  ])(
    'a state %s is refused and stays good for its own request [N-MRTR-04, N-MRTR-05]',
    async (_what, name, more, options) => {
      const { requestState } = await wishOf('ask');
      const inputResponses = { 'input-1': accept('Ada') };
      expect(await call(name, { requestState, inputResponses, ...more }, { ...old, ...options })).toMatchObject(
        refused,
      );
      expect(await call('ask', { requestState, inputResponses })).toMatchObject({ result: { resultType: 'complete' } });
    },
  );

  it('a state is void after ten minutes', async () => {
    const { requestState } = await wishOf('ask');
    nowMs += 600_001;
    expect(await call('ask', { requestState, inputResponses: { 'input-1': accept('Ada') } })).toMatchObject(refused);
  });

  it.each([
    ['sample', {}, -32601],
    ['roots', { elicitation: {} }, -32601],
    ['ask', { elicitation: { url: {} } }, -32602],
    ['url', { elicitation: {} }, -32602],
  ])(
    '"%s" of a client that declared %j is refused to the server with %i [N-MRTR-03, N-ASK-01]',
    async (name, capabilities, code) => {
      const { result } = await call(name, {}, { ...old, capabilities });
      expect(result).toMatchObject({ resultType: 'complete' });
      expect(answered).toMatchObject([{ kind: 'error', value: { code } }]);
    },
  );

  it('a page to visit is named without its id', async () => {
    const { inputRequests, requestState } = await wishOf('url');
    expect(inputRequests['input-1']?.params).toEqual({ mode: 'url', url: 'https://x.test/', message: 'go' });
    const done = await call('url', { requestState, inputResponses: { 'input-1': { action: 'accept' } } });
    expect(done).toMatchObject({ result: { resultType: 'complete' } });
  });

  it('the error -32042 becomes a question, and the retry makes the call again, without what only the hub knows', async () => {
    const { inputRequests, requestState } = await wishOf('urlError', { arguments: { a: 1 } });
    expect(inputRequests).toEqual({
      'input-1': { method: 'elicitation/create', params: { mode: 'url', url: 'https://x.test/', message: 'go' } },
    });
    const retry = { arguments: { a: 1 }, requestState, inputResponses: { 'input-1': { action: 'accept' } } };
    expect(await call('urlError', retry)).toMatchObject({ result: { content: [{ text: '"through"' }] } });
    expect(rounds.map((round) => JSON.stringify(round))).toEqual(
      Array(2).fill('{"name":"urlError","arguments":{"a":1}}'),
    );
    expect(hub.records).toHaveLength(1);
  });

  it('the error -32042 is -32021 for a client that visits no pages', async () => {
    const answer = await call('urlError', {}, { ...old, capabilities: { elicitation: {} } });
    expect(answer).toMatchObject({
      status: 400,
      error: { code: -32021, data: { requiredCapabilities: { elicitation: { url: {} } } } },
    });
    expect(hub.records).toMatchObject([{ outcome: 'rpc_error' }]);
  });

  it('progress follows the call to its retry, under the token of each', async () => {
    const first = await modernPost(hub, 'tools/call', { name: 'stages' }, { ...old, meta: { progressToken: 'one' } });
    const [before, wish] = await messagesOf(first);
    expect(before).toMatchObject({ params: { progress: 1, progressToken: 'one' } });
    const { requestState } = (wish as { result: Wish }).result;
    const retry = { name: 'stages', requestState, inputResponses: { 'input-1': accept('Ada') } };
    const second = await modernPost(hub, 'tools/call', retry, { ...old, id: 2, meta: { progressToken: 'two' } });
    const [after, last] = await messagesOf(second);
    expect(after).toMatchObject({ params: { progress: 2, progressToken: 'two' } });
    expect(last).toMatchObject({ id: 2, result: { resultType: 'complete' } });
  });

  it('an error after the answer reaches the retry', async () => {
    const { requestState } = await wishOf('fail');
    const done = await call('fail', { requestState, inputResponses: { 'input-1': accept('Ada') } });
    expect(done).toMatchObject({ error: { code: 77, message: 'late' } });
  });

  it('prompts/get waits in the same way', async () => {
    const first = await modernPost(hub, 'prompts/get', { name: 'greet' }, old);
    const { requestState } = ((await lastMessage(first)) as { result: Wish }).result;
    const retry = { name: 'greet', requestState, inputResponses: { 'input-1': accept('Ada') } };
    expect(await lastMessage(await modernPost(hub, 'prompts/get', retry, old))).toMatchObject({
      result: { resultType: 'complete' },
    });
  });

  it('no other request is answered with a question: the server is refused, its -32042 a bad answer [N-MRTR-01]', async () => {
    const params = { ref: { type: 'ref/prompt', name: 'greet' }, argument: { name: 'who', value: '' } };
    const response = await modernPost(hub, 'completion/complete', params, old);
    expect(await lastMessage(response)).toMatchObject({ error: { code: 1004 } });
    expect(answered).toMatchObject([{ kind: 'error', value: { code: -32601 } }]);
  });

  it('the word "input_required" of an earlier revision means nothing', async () => {
    expect(await call('wish')).toMatchObject({ result: { resultType: 'complete', content: [] } });
  });
});

describe('calls that wait', () => {
  it('of a client that goes during its retry are cancelled', async () => {
    const { requestState } = await wishOf('later', { arguments: { tag: 'gone' } });
    const gone = new AbortController();
    const inputResponses = { 'input-1': accept('Ada') };
    // The next question comes at once, so the client has to be gone before it is sent.
    const retry = modernPost(
      hub,
      'tools/call',
      { name: 'later', arguments: { tag: 'gone' }, requestState, inputResponses },
      { ...old, signal: gone.signal },
    );
    retry.catch(() => undefined);
    await retry.then((response) => response.text());
    gone.abort();
    expect(hub.gateway.stats().parked).toBe(1);
    await hub.bus.emit('key.revoked', { id: 'a', userId: 'user-a', name: 'a' } as never);
    await until(() => cancelled.includes('gone'), 2000);
    expect(hub.gateway.stats()).toMatchObject({ parked: 0, inflight: 0 });
  });

  it('are eight for each credential; the next is refused and cancelled', async () => {
    for (let count = 0; count < 8; count++) await wishOf('ask', { arguments: { tag: `w${count}` } });
    expect(await call('ask', { arguments: { tag: 'ninth' } })).toMatchObject({ status: 429, error: { code: 1008 } });
    await until(() => cancelled.includes('ninth'), 2000);
    const other = await wishOf('ask', { arguments: { tag: 'b' } }, { ...old, key: 'key-b' });
    expect(other.requestState).toBeTruthy();
  });

  it('take no place from other calls of their server', async () => {
    for (const key of ['key-a', 'key-b', 'key-c']) {
      hub.keys.set(key, keyActor(key));
      for (let count = 0; count < 8; count++) await wishOf('ask', {}, { ...old, key });
    }
    expect(hub.gateway.stats()).toMatchObject({ inflight: 24, parked: 24 });
    expect(await call('wish')).toMatchObject({ result: { resultType: 'complete' } });
  });

  it('leave nothing behind when nobody comes back for them', async () => {
    await hub.close();
    hub = await startGateway({
      servers: [serverRow('old')],
      limits: { parkedMs: 1, parkedPerCredential: 1000, inflightPerServer: 1000 },
    });
    const { close } = hub;
    const upstream = memoryUpstream({ tools: {} }, (method, params, options, signal) =>
      method === 'tools/list' ? lists(tools) : legacyCall(params, options, signal),
    );
    hub.supervisor.open('id-old', upstream);
    await until(() => hub.gateway.toolCount('id-old') > 0, 2000);
    for (let round = 0; round < 20; round++) await Promise.all(Array.from({ length: 50 }, () => wishOf('ask')));
    await until(
      () => cancelled.length === 1000,
      5000,
      () => `${cancelled.length} were cancelled`,
    );
    await until(() => upstream.inflight === 0, 2000);
    expect(hub.gateway.stats()).toMatchObject({ inflight: 0, parked: 0 });
    expect(hub.records.filter(({ outcome }) => outcome === 'cancelled')).toHaveLength(1000);
    expect(close).toBeTruthy();
  });

  it('end with the hub', async () => {
    await wishOf('ask', { arguments: { tag: 'x' } });
    hub.gateway.drain();
    await until(() => cancelled.includes('x'), 2000);
    expect(await call('ask')).toMatchObject({ error: { code: 1001 } });
  });
});

describe('a server without sessions asks', () => {
  it('its wish passes, its state only sealed; the retry brings back both', async () => {
    const { inputRequests, requestState } = await wishOf('ask', { arguments: { tag: 's' } }, modern);
    expect(inputRequests).toEqual({ name: { method: 'elicitation/create', params: form('name') } });
    expect(requestState).not.toContain('state');
    const retry = { arguments: { tag: 's' }, requestState, inputResponses: { name: accept('Ada') } };
    expect(await call('ask', retry, modern)).toMatchObject({
      result: { resultType: 'complete', content: [{ text: JSON.stringify({ name: accept('Ada') }) }] },
    });
    expect(rounds[1]).toMatchObject({ requestState: 'state s', inputResponses: { name: accept('Ada') } });
    expect(hub.records).toMatchObject([{ outcome: 'ok' }]);
  });

  it('no state of the server is none for the client', async () => {
    const wish = await wishOf('both', {}, modern);
    expect(wish).not.toHaveProperty('requestState');
    expect(await call('both', { inputResponses: { name: accept('Ada') } }, modern)).toMatchObject({
      result: { content: [{ text: JSON.stringify({ name: accept('Ada') }) }] },
    });
  });

  it('a state alone is enough', async () => {
    const { requestState } = await wishOf('later', {}, modern);
    expect(await call('later', { requestState }, modern)).toMatchObject({ result: { content: [{ text: '"late"' }] } });
  });

  it.each<[string, string, Json, ModernOptions]>([
    ['of another credential', 'ask', {}, { key: 'key-b' }],
    ['at another endpoint', 'new__ask', {}, { path: '/api/mcp' }],
    ['for other arguments', 'ask', { arguments: { tag: 'u' } }, {}],
    ['of the server itself', 'ask', { requestState: 'state s' }, {}],
  ])('a state %s never reaches it', async (_what, name, more, options) => {
    const { requestState } = await wishOf('ask', { arguments: { tag: 's' } }, modern);
    const retry = { arguments: { tag: 's' }, requestState, inputResponses: { name: accept('Ada') }, ...more };
    expect(await call(name, retry, { ...modern, ...options })).toMatchObject(refused);
    expect(rounds).toHaveLength(1);
  });

  it('a kind that the client did not declare is -32021', async () => {
    expect(await call('sample', {}, { ...modern, capabilities: { elicitation: {} } })).toMatchObject({
      status: 400,
      error: { code: -32021, data: { requiredCapabilities: { sampling: {} } } },
    });
  });

  it('a wish for nothing is a bad answer', async () => {
    expect(await call('never', {}, modern)).toMatchObject({ status: 200, error: { code: 1004 } });
  });
});

describe('the official client', () => {
  it.each(['/api/mcp/old', '/api/mcp/new'])(
    'answers by itself at %s, and no answer reaches another call [N-ASK-02]',
    async (path) => {
      const clients = await Promise.all(
        ['a', 'b', 'c', 'd'].map(async (mark) => {
          const client = await modernClient(hub, {
            path,
            key: mark < 'c' ? 'key-a' : 'key-b',
            capabilities: everything,
          });
          client.setRequestHandler(
            'elicitation/create',
            async ({ params }) => accept(`${mark}: ${params.message}`) as never,
          );
          return { mark, client };
        }),
      );
      const startedAtMs = fairNow();
      for (let round = 0; round < 5; round++) {
        await Promise.all(
          clients.flatMap(({ mark, client }) =>
            [1, 2, 3].map(async (number) => {
              const tag = `${mark}${round}${number}`;
              const { content } = await client.callTool({ name: 'ask', arguments: { tag } });
              const answer = JSON.parse((content as { text: string }[])[0]?.text ?? '');
              const name = path.endsWith('old') ? `${mark}: name of ${tag}` : `${mark}: name`;
              expect(path.endsWith('old') ? answer : answer.name).toEqual(accept(name));
            }),
          ),
        );
      }
      expect(fairNow() - startedAtMs).toBeLessThan(20_000);
      expect(hub.gateway.stats()).toMatchObject({ parked: 0, inflight: 0 });
      expect(hub.records).toHaveLength(60);
      await Promise.all(clients.map(({ client }) => client.close()));
    },
  );
});
