// A server of 2026-07-28 that needs input, behind sessions of the revisions before it (basic/patterns/mrtr).
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { afterEach, expect, it } from 'vitest';
import { readEvents } from '../../support/event-reader';
import { memoryUpstream, rpc, serverRow, startGateway, type TestGateway } from '../../support/gateway';
import { until } from '../../support/until';

let hub: TestGateway;
afterEach(() => hub.close());

type Json = Record<string, unknown>;

const form = {
  method: 'elicitation/create',
  params: { message: 'Who?', requestedSchema: { type: 'object', properties: {} } },
};
const sample = { method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } };
const inputRequired = (inputRequests?: Json, requestState?: string) => ({
  resultType: 'input_required',
  ...(inputRequests && { inputRequests }),
  ...(requestState !== undefined && { requestState }),
});

/** A modern server whose answers `answer` gives, one per request; what it was sent is kept. */
async function start(answer: (params: Json, round: number) => unknown) {
  const sent: Json[] = [];
  const upstream = memoryUpstream(
    { tools: {}, prompts: {}, resources: {}, completions: {} },
    (method, params) => {
      if (method === 'tools/list') return { tools: [{ name: 'ask', inputSchema: { type: 'object' } }] };
      if (method === 'prompts/list') return { prompts: [{ name: 'ask' }] };
      if (method === 'resources/list') return { resources: [{ uri: 'demo://ask', name: 'ask' }] };
      if (method.endsWith('/list')) return { resourceTemplates: [] };
      sent.push(structuredClone(params));
      return answer(params, sent.length);
    },
    undefined,
    'modern',
  );
  hub = await startGateway({ servers: [serverRow('modern')] });
  hub.supervisor.open('id-modern', upstream);
  const session = await hub.session();
  await until(async () => {
    const { result } = await (await hub.post(rpc('prompts/list'), { session })).json();
    return result.prompts.length > 0;
  }, 5000);
  return sent;
}

const done = { content: [{ type: 'text', text: 'done' }], messages: [], contents: [], resultType: 'complete' };

it('input of every kind is asked of the client, and the request repeated with it and the same state [N-MRTR-09]', async () => {
  const wishes = { who: form, what: sample, where: { method: 'roots/list' } };
  const sent = await start((_params, round) => (round === 1 ? inputRequired(wishes, 'state-1') : done));
  const { client } = await hub.client('/api/mcp', 'key-a', { elicitation: {}, sampling: {}, roots: {} }, (made) => {
    made.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'Ada' } }));
    made.setRequestHandler(CreateMessageRequestSchema, () => ({
      role: 'assistant',
      model: 'm',
      content: { type: 'text', text: 'Paris' },
    }));
    made.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///w' }] }));
  });
  const { content } = await client.callTool({ name: 'modern__ask', arguments: { a: 1 } });
  expect(content).toEqual(done.content);
  expect(sent).toHaveLength(2);
  expect(sent[0]).toEqual({ name: 'ask', arguments: { a: 1 } });
  expect(sent[1]).toEqual({
    name: 'ask',
    arguments: { a: 1 },
    requestState: 'state-1',
    inputResponses: {
      who: { action: 'accept', content: { name: 'Ada' } },
      what: { role: 'assistant', model: 'm', content: { type: 'text', text: 'Paris' } },
      where: { roots: [{ uri: 'file:///w' }] },
    },
  });
});

it('prompts and resources have rounds too, and a round without state sends none', async () => {
  const sent = await start((params) => (params.inputResponses ? done : inputRequired({ who: form })));
  const { client } = await hub.client('/api/mcp', 'key-a', { elicitation: {} }, (made) =>
    made.setRequestHandler(ElicitRequestSchema, () => ({ action: 'decline' })),
  );
  await client.getPrompt({ name: 'modern__ask' });
  await client.readResource({ uri: 'demo://ask' });
  expect(
    sent.map(({ name, uri, inputResponses, requestState }) => [name ?? uri, inputResponses, requestState]),
  ).toEqual([
    ['ask', undefined, undefined],
    ['ask', { who: { action: 'decline' } }, undefined],
    ['demo://ask', undefined, undefined],
    ['demo://ask', { who: { action: 'decline' } }, undefined],
  ]);
});

it('a state alone is brought back at once, and the state of an earlier round is not kept [N-MRTR-07]', async () => {
  const answers = [inputRequired(undefined, 'one'), inputRequired({ who: form }), done];
  const sent = await start((_params, round) => answers[round - 1]);
  const { client } = await hub.client('/api/mcp', 'key-a', { elicitation: {} }, (made) =>
    made.setRequestHandler(ElicitRequestSchema, () => ({ action: 'cancel' })),
  );
  await client.callTool({ name: 'modern__ask' });
  expect(sent.slice(1)).toEqual([
    { name: 'ask', requestState: 'one' },
    { name: 'ask', inputResponses: { who: { action: 'cancel' } } },
  ]);
});

it('a failed elicitation cancels, and failed sampling fails the call with the reason [N-ASK-03]', async () => {
  const sent = await start((params) => {
    if (params.inputResponses) return done;
    return inputRequired((params.arguments as Json).sample ? { it: sample } : { it: form });
  });
  const { client } = await hub.client('/api/mcp', 'key-a', { elicitation: {}, sampling: {} }, (made) => {
    made.setRequestHandler(ElicitRequestSchema, () => {
      throw new Error('no window');
    });
    made.setRequestHandler(CreateMessageRequestSchema, () => {
      throw new Error('no model');
    });
  });
  await client.callTool({ name: 'modern__ask', arguments: {} });
  expect(sent[1]?.inputResponses).toEqual({ it: { action: 'cancel' } });
  const failing = client.callTool({ name: 'modern__ask', arguments: { sample: true } });
  await expect(failing).rejects.toMatchObject({ code: -32602, message: expect.stringContaining('no model') });
  expect(sent).toHaveLength(3);
});

it.each([
  ['a kind that the client did not declare', inputRequired({ it: sample }), -32602],
  ['a kind that does not exist', inputRequired({ it: { method: 'tools/call' } }), -32602],
  ['a wish that is no request', inputRequired({ it: 7 }), 1004],
  ['wishes that are no object', inputRequired([] as never), 1004],
  ['neither wishes nor a state', inputRequired(), 1004],
  ['a state that is no text', inputRequired(undefined, 7 as never), 1004],
  ['wishes without end', inputRequired(undefined, 'again'), 1004],
])('%s fails the call with a clear error', async (_what, answer, code) => {
  const sent = await start(() => answer);
  const session = await hub.session('/api/mcp', 'key-a', '2025-11-25', { elicitation: {} });
  const response = await hub.post(rpc('tools/call', { name: 'modern__ask' }), { session });
  const { error } = await response.json();
  expect(error.code).toBe(code);
  expect(error.message).toContain('"modern"');
  expect(sent.length).toBeLessThanOrEqual(11);
});

it('a request that must not be answered so is not, and the word means nothing in an older revision [N-MRTR-01]', async () => {
  await start(() => inputRequired({ it: form }));
  const session = await hub.session('/api/mcp', 'key-a', '2025-11-25', { elicitation: {} });
  const ref = { type: 'ref/prompt', name: 'modern__ask' };
  const completion = await hub.post(rpc('completion/complete', { ref, argument: { name: 'a', value: '' } }), {
    session,
  });
  expect((await completion.json()).error.code).toBe(1004);
  hub.supervisor.open(
    'id-modern',
    memoryUpstream({ tools: {} }, (method) =>
      method === 'tools/list'
        ? { tools: [{ name: 'ask', inputSchema: {} }] }
        : { content: [], resultType: 'input_required' },
    ),
  );
  const old = await hub.post(rpc('tools/call', { name: 'modern__ask' }), { session });
  expect((await old.json()).result).toEqual({ content: [], resultType: 'input_required' });
});

it('an elicitation by URL gets an id, which older revisions need', async () => {
  await start((params) =>
    params.inputResponses
      ? done
      : inputRequired({ it: { ...form, params: { mode: 'url', message: 'Go', url: 'https://a.example/' } } }),
  );
  const session = await hub.session('/api/mcp', 'key-a', '2025-11-25', { elicitation: { url: {} } });
  const call = readEvents(await hub.post(rpc('tools/call', { name: 'modern__ask' }, 5), { session }));
  const question = await call.message();
  expect(question.params).toMatchObject({
    mode: 'url',
    url: 'https://a.example/',
    elicitationId: expect.stringMatching(/.{20}/),
  });
  await hub.post({ jsonrpc: '2.0', id: question.id, result: { action: 'accept' } }, { session });
  expect(await call.message()).toMatchObject({ id: 5, result: { content: done.content } });
});

it('a client that cancels its call while it is asked hears that, and the server is not asked again', async () => {
  const sent = await start(() => inputRequired({ it: form, other: form }));
  const session = await hub.session('/api/mcp', 'key-a', '2025-11-25', { elicitation: {} });
  const call = readEvents(await hub.post(rpc('tools/call', { name: 'modern__ask' }, 5), { session }));
  const asked = [await call.message(), await call.message()].map(({ id }) => id);
  await hub.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 5 } }, { session });
  const cancelled = [await call.message(), await call.message()];
  expect(cancelled.map(({ method }) => method)).toEqual(['notifications/cancelled', 'notifications/cancelled']);
  expect(cancelled.map(({ params }) => params.requestId).sort()).toEqual(asked.sort());
  await expect(call.message()).rejects.toThrow('ended');
  expect(sent).toHaveLength(1);
  expect(hub.gateway.stats().inflight).toBe(0);
});
