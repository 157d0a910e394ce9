// What passes through the hub, as a table: every method, asked by a client of each era, over a server of each era and
// transport, at the server's own endpoint and (for those over HTTP) at the aggregate of all. Clients, servers, hub and
// sockets are real. What a transport cannot do is a table of its own, `questions`.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initialize, rpc } from '../support/gateway';
import { type Hub, startHub } from '../support/hub';
import { lastMessage, modernResult } from '../support/modern';
import { connectPeer, type Peer, plainResult } from '../support/peers';
import { type Reference, type ReferenceEra, referenceProgram, startReference } from '../support/reference';
import { corpus, modernCorpus } from '../support/servers/reference/corpus.mjs';
import { until } from '../support/until';

type Json = Record<string, unknown>;

const servers = ['legacy', 'modern', 'legacy-stdio', 'modern-stdio', 'legacy-sse'] as const;
type ServerName = (typeof servers)[number];

interface Combination {
  client: ReferenceEra;
  server: ServerName;
  endpoint: 'own' | 'aggregate';
}

/** What a row works with: a client, and how the server's names and URIs read at the endpoint. */
interface Bench extends Combination {
  peer: Peer;
  name(original: string): string;
  uri(original: string): string;
  call(tool: string, args?: Json, more?: Json): Promise<Json>;
}

const eras = ['legacy', 'modern'] as const;
const references: Reference[] = [];
let hub: Hub;

beforeAll(async () => {
  references.push(
    ...(await Promise.all([startReference('legacy'), startReference('modern'), startReference('legacy', 'sse')])),
  );
  const [legacy, modern, sse] = references;
  const stdio = (era: ReferenceEra) => ({ command: process.execPath, args: [referenceProgram(era), 'stdio'] });
  hub = await startHub({
    config: {
      mcpServers: {
        legacy: { url: legacy?.url },
        modern: { url: modern?.url },
        'legacy-stdio': stdio('legacy'),
        'modern-stdio': stdio('modern'),
        'legacy-sse': { type: 'sse', url: sse?.url },
      } satisfies Record<ServerName, object>,
    },
  });
  for (const server of servers)
    await until(
      () => hasTools(server),
      30_000,
      () => `${server} was never listed:\n${hub.logs()}`,
    );
});

afterAll(async () => {
  await hub?.stop();
  await Promise.all(references.map((each) => each.stop()));
});

async function hasTools(server: string): Promise<boolean> {
  const peer = await connectPeer('legacy', `${hub.mcpUrl}/${server}`, { key: hub.apiKey });
  try {
    return ((await peer.ask('tools/list')).tools as unknown[]).length > 0;
  } catch {
    return false; // no tools yet, so none declared
  } finally {
    await peer.close();
  }
}

function answer(method: string, params: Json): Json {
  if (method === 'roots/list') return { roots: [{ uri: 'file:///work', name: 'work' }] };
  if (method === 'sampling/createMessage') {
    const [message] = params.messages as { content: { text: string } }[];
    return { role: 'assistant', model: 'test', content: { type: 'text', text: `re: ${message?.content.text}` } };
  }
  return params.mode === 'url'
    ? { action: 'accept' }
    : { action: 'accept', content: { name: `re: ${params.message}`, context: 'the context' } };
}

async function openBench({ client, server, endpoint }: Combination): Promise<Bench> {
  const path = endpoint === 'own' ? `/${server}` : '';
  const peer = await connectPeer(client, `${hub.mcpUrl}${path}`, { key: hub.apiKey, answer });
  const name = (original: string) => (endpoint === 'own' ? original : `${server}__${original}`);
  // All servers have the same URIs: the oldest one, "legacy", keeps them.
  const uri = (original: string) => {
    if (endpoint === 'own' || server === 'legacy') return original;
    return original.startsWith('ui://')
      ? original.replace('ui://', `ui://mcphub/${server}/`)
      : `mcphub:${server}:${original}`;
  };
  const call = (tool: string, args: Json = {}, more: Json = {}) =>
    peer.ask('tools/call', { name: name(tool), arguments: args, ...more });
  return { client, server, endpoint, peer, name, uri, call };
}

const textOf = (result: Json) => (result.content as { text: string }[])[0]?.text ?? '';
const dataOf = (result: Json) => JSON.parse(textOf(result));
const named = (items: unknown, name: string) => (items as Json[]).find((item) => item.name === name);
const byUri = (items: unknown, uri: string) => (items as Json[]).find((item) => item.uri === uri);
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01';

async function heard({ peer }: Bench, method: string, matches: (params: Json) => boolean = () => true) {
  const found = () => peer.heard.some((each) => each.method === method && matches(each.params));
  await until(found, 10_000, () => `${method} never came; heard: ${JSON.stringify(peer.heard)}`);
}

const rows: Record<string, (bench: Bench) => Promise<void>> = {
  'tools/list: every field of a tool': async ({ peer, name }) => {
    const { tools } = await peer.ask('tools/list');
    expect(named(tools, name('odd_fields'))).toMatchObject({
      title: 'Odd',
      icons: [{ src: 'https://example.com/i.png', mimeType: 'image/png', sizes: ['any'], future: 1 }],
      annotations: { readOnlyHint: true, future: { kept: true } },
      'x-vendor': { kept: [null, 0, ''] },
    });
    expect(named(tools, name('structured'))?.outputSchema).toMatchObject({ required: ['sum'] });
    const schema = named(tools, name('json_schema_2020_12_tool'))?.inputSchema as Json;
    expect(Object.keys(schema)).toEqual(expect.arrayContaining(['$schema', '$defs', 'allOf', 'if', 'then', 'else']));
  },
  'tools/call: plain': async ({ call }) => {
    expect(textOf(await call('test_simple_text'))).toBe('This is a simple text response for testing.');
  },
  'tools/call: structured [L-TOOL-06]': async ({ call }) => {
    expect((await call('structured', { a: 1, b: 2 })).structuredContent).toEqual({ sum: 3 });
  },
  'tools/call: a failing tool is a result [L-TOOL-04, N-TOOL-07]': async ({ call }) => {
    expect((await call('test_error_handling')).isError).toBe(true);
  },
  'tools/call: an error of the server passes as it is': async ({ call }) => {
    await expect(call('rpc_error')).rejects.toMatchObject({ code: -32603, data: { detail: [1, null] } });
  },
  'tools/call: unknown [L-TOOL-04, N-TOOL-07]': async ({ call }) => {
    await expect(call('nowhere')).rejects.toMatchObject({ code: -32602 });
  },
  'tools/call: progress [L-PROG-01, N-PROG-01]': async ({ peer, name }) => {
    const seen: number[] = [];
    await peer.ask(
      'tools/call',
      { name: name('test_tool_with_progress') },
      { onProgress: (step) => void seen.push(step) },
    );
    expect(seen).toEqual([0, 50, 100]);
  },
  'tools/call: cancel reaches the server [L-CANCEL-01, N-CANCEL-01, N-HTTP-08]': async ({ peer, name, call }) => {
    const before = dataOf(await call('cancellations'));
    const leaving = new AbortController();
    const waiting = peer.ask('tools/call', { name: name('wait') }, { signal: leaving.signal });
    waiting.catch(() => undefined);
    await until(async () => dataOf(await call('cancellations')).waiting > before.waiting, 10_000);
    leaving.abort();
    await expect(waiting).rejects.toThrow();
    await until(async () => dataOf(await call('cancellations')).cancelled > before.cancelled, 10_000);
  },
  'tools/call: unknown params and _meta pass, the trace too [L-RPC-06, N-META-07, N-META-08]': async ({ call }) => {
    const more = {
      _meta: { traceparent, tracestate: 'a=b', 'com.example/own': { deep: [null] } },
      future: { kept: [1] },
    };
    const seen = dataOf(await call('echo', { a: { b: [] } }, more));
    expect(seen).toMatchObject({ name: 'echo', arguments: { a: { b: [] } }, future: { kept: [1] }, _meta: more._meta });
  },
  'tools/call: no credential of the client reaches the server [L-SEC-02, N-AUTH-05]': async ({ call }) => {
    const seen = textOf(await call('headers'));
    expect(seen).not.toContain(hub.apiKey);
    expect(Object.keys(JSON.parse(seen))).not.toContain('authorization');
  },
  'tools/call: an elicitation by form [L-ASK-03, N-MRTR-08, N-MRTR-09]': async ({ call }) => {
    expect(dataOf(await call('ask_form', { marker: 'm1' }))).toMatchObject({
      marker: 'm1',
      answer: { action: 'accept', content: { name: 're: For m1' } },
    });
  },
  'tools/call: an elicitation by URL': async ({ call }) => {
    expect(dataOf(await call('ask_url', { path: 'x' }))).toMatchObject({ action: 'accept' });
  },
  'tools/call: sampling': async ({ call }) => {
    expect(dataOf(await call('ask_sample', { marker: 'm2' }))).toMatchObject({
      marker: 'm2',
      answer: { role: 'assistant', content: { text: 're: For m2' } },
    });
  },
  'tools/call: roots': async ({ call }) => {
    expect(dataOf(await call('ask_roots'))).toMatchObject({ roots: [{ uri: 'file:///work', name: 'work' }] });
  },
  'tools/call: several rounds of questions, with state [N-MRTR-07]': async ({ call }) => {
    const name = 're: Step 1: What is your name?';
    expect(textOf(await call('test_input_required_result_multi_round'))).toMatch(
      new RegExp(`^${name.replace('?', '\\?')} likes`),
    );
    expect(textOf(await call('test_input_required_result_request_state'))).toBe('state-ok');
  },
  'tools/call: log messages of at least the level that is wanted [L-LOG-03, N-LOG-01]': async (bench) => {
    // Who names no level gets none in 2026-07-28; in a session the server decides until the client does.
    if (bench.client === 'modern') await bench.call('log_all', { marker: 'silent' });
    await bench.peer.wantLogs('warning');
    await bench.call('log_all', { marker: 'w' });
    await heard(bench, 'notifications/message', ({ data }) => data === 'error w');
    const levels = bench.peer.heard
      .filter(({ method }) => method === 'notifications/message')
      .map(({ params }) => params.level);
    expect(levels).toEqual(['warning', 'error']);
  },
  'resources/list and templates/list': async ({ peer, uri, endpoint }) => {
    const { resources } = await peer.ask('resources/list');
    expect(byUri(resources, uri('test://static-text'))).toMatchObject({ name: 'static-text', mimeType: 'text/plain' });
    const { resourceTemplates } = await peer.ask('resources/templates/list');
    expect((resourceTemplates as Json[]).length).toBe(endpoint === 'own' ? 1 : servers.length);
  },
  'resources/read: text, binary and by template [L-RES-06]': async ({ peer, uri }) => {
    const read = async (original: string) => {
      const { contents } = await peer.ask('resources/read', { uri: uri(original) });
      return (contents as Json[])[0];
    };
    expect(await read('test://static-text')).toMatchObject({ uri: uri('test://static-text'), mimeType: 'text/plain' });
    expect((await read('test://static-binary'))?.blob).toMatch(/^iVBOR/);
    expect((await read('test://template/7/data'))?.text).toContain('"id":"7"');
  },
  'resources/read: unknown [L-RES-03, N-RES-01]': async ({ peer, uri, client }) => {
    const code = client === 'modern' ? -32602 : expect.toBeOneOf([-32602, -32002]);
    await expect(peer.ask('resources/read', { uri: uri('test://nothing') })).rejects.toMatchObject({ code });
  },
  'resource links and embedded resources lead back': async ({ call, peer, uri }) => {
    const { content, structuredContent } = await call('link');
    const [link, embedded] = content as [Json, { resource: Json }];
    expect([link.uri, embedded.resource.uri]).toEqual([uri('test://static-text'), uri('test://static-text')]);
    expect(structuredContent).toEqual({ uri: 'test://static-text' });
    expect(await peer.ask('resources/read', { uri: link.uri })).toMatchObject({ contents: [{ uri: link.uri }] });
  },
  'an update of a resource reaches who listens [L-RES-05, N-SUB-06]': async (bench) => {
    const uri = bench.uri('test://watched-resource');
    await bench.peer.listen([uri]);
    await until(async () => {
      await bench.call('touch', { uri: 'test://watched-resource' });
      return bench.peer.heard.some(
        ({ method, params }) => method === 'notifications/resources/updated' && params.uri === uri,
      );
    }, 10_000);
    const updated = bench.peer.heard.filter(({ method }) => method === 'notifications/resources/updated');
    expect(new Set(updated.map(({ params }) => params.uri))).toEqual(new Set([uri]));
  },
  'prompts/list and prompts/get [L-PROMPT-03, N-PROMPT-03]': async ({ peer, name }) => {
    const { prompts } = await peer.ask('prompts/list');
    expect(named(prompts, name('test_prompt_with_arguments'))?.arguments).toHaveLength(2);
    const got = await peer.ask('prompts/get', {
      name: name('test_prompt_with_arguments'),
      arguments: { arg1: 'a', arg2: 'b' },
    });
    expect(got).toMatchObject({ messages: [{ content: { text: "Prompt with arguments: arg1='a', arg2='b'" } }] });
    await expect(peer.ask('prompts/get', { name: name('nowhere') })).rejects.toMatchObject({ code: -32602 });
  },
  'prompts/get: a question first': async ({ peer, name }) => {
    const got = await peer.ask('prompts/get', { name: name('test_input_required_result_prompt') });
    expect(got).toMatchObject({ messages: [{ content: { text: 'Use the context' } }] });
  },
  'completion/complete: by prompt and by template [L-COMP-02]': async ({ peer, name, uri }) => {
    const argument = { name: 'arg1', value: 'par' };
    for (const ref of [
      { type: 'ref/prompt', name: name('test_prompt_with_arguments') },
      { type: 'ref/resource', uri: uri('test://template/{id}/data') },
    ]) {
      expect(await peer.ask('completion/complete', { ref, argument })).toMatchObject({
        completion: { values: ['paris', 'park', 'party'] },
      });
    }
    const nowhere = { ref: { type: 'ref/prompt', name: name('nowhere') }, argument };
    await expect(peer.ask('completion/complete', nowhere)).rejects.toMatchObject({ code: -32602 });
  },
  'MCP Apps: the view of a tool is found under the URI that the tool names [N-UI-01]': async ({ peer, name, uri }) => {
    const { tools } = await peer.ask('tools/list');
    const meta = named(tools, name('app'))?._meta as { ui: { resourceUri: string }; 'ui/resourceUri': string };
    expect([meta.ui.resourceUri, meta['ui/resourceUri']]).toEqual([
      uri('ui://reference/app.html'),
      uri('ui://reference/app.html'),
    ]);
    const { contents } = await peer.ask('resources/read', { uri: meta.ui.resourceUri });
    expect((contents as Json[])[0]).toMatchObject({
      uri: meta.ui.resourceUri,
      mimeType: 'text/html;profile=mcp-app',
      _meta: { ui: { csp: { connectDomains: ['https://example.com'] } } },
    });
  },
};

/**
 * Over stdio with sessions and HTTP+SSE nothing tells whose call a server's question belongs to, so a connection that
 * several callers share declares none of the capabilities that servers ask with (basic/lifecycle). The server is told in
 * the handshake, so its question never leaves it, and the caller gets its error.
 */
const asksNobody: ReadonlySet<ServerName> = new Set(['legacy-stdio', 'legacy-sse']);
const questions: Record<string, (bench: Bench) => Promise<Json>> = {
  'tools/call: an elicitation by form [L-ASK-03, N-MRTR-08, N-MRTR-09]': ({ call }) =>
    call('ask_form', { marker: 'm' }),
  'tools/call: an elicitation by URL': ({ call }) => call('ask_url', { path: 'x' }),
  'tools/call: sampling': ({ call }) => call('ask_sample', { marker: 'm' }),
  'tools/call: roots': ({ call }) => call('ask_roots'),
  'tools/call: several rounds of questions, with state [N-MRTR-07]': ({ call }) =>
    call('test_input_required_result_multi_round'),
  'prompts/get: a question first': ({ peer, name }) =>
    peer.ask('prompts/get', { name: name('test_input_required_result_prompt') }),
};

/** Rows that do not hold yet: `client → server: row`. A row that holds must come off the list: it fails here. */
const notYet = new Set<string>();

const combinations: Combination[] = eras.flatMap((client) =>
  servers.flatMap((server) => {
    // What a name or a URI leads to does not depend on the transport.
    const endpoints = server === 'legacy' || server === 'modern' ? (['own', 'aggregate'] as const) : (['own'] as const);
    return endpoints.map((endpoint) => ({ client, server, endpoint }));
  }),
);

for (const combination of combinations) {
  const { client, server, endpoint } = combination;
  describe(`a ${client} client and a ${server} server, at the ${endpoint} endpoint`, () => {
    for (const [row, holds] of Object.entries(rows)) {
      const ask = asksNobody.has(server) ? questions[row] : undefined;
      if (ask) {
        it(`nobody is asked: ${row.replace(/ \[.*/, '')}`, async () => {
          const bench = await openBench(combination);
          try {
            await expect(ask(bench)).rejects.toMatchObject({
              code: -32600,
              message: expect.stringContaining('client does not support'),
            });
          } finally {
            await bench.peer.close();
          }
        });
        continue;
      }
      const test = notYet.has(`${client} → ${server}: ${row}`) ? it.fails : it;
      test(row, { timeout: 30_000 }, async () => {
        const bench = await openBench(combination);
        try {
          await holds(bench);
        } finally {
          await bench.peer.close();
        }
      });
    }

    it('results come field by field as the server sent them', { timeout: 60_000 }, async () => {
      const entries = { ...corpus, ...(server.startsWith('modern') && modernCorpus) };
      const call = await openRaw(combination);
      for (const [entry, sent] of Object.entries(entries)) {
        expect([entry, plainResult(await call(entry))]).toEqual([entry, JSON.parse(JSON.stringify(sent))]);
      }
    });
  });
}

describe('a changed list', () => {
  it('is told to clients of both eras, at both endpoints [L-TOOL-02, L-PROMPT-02, N-TOOL-06, N-PROMPT-02]', {
    timeout: 60_000,
  }, async () => {
    const benches = await Promise.all(combinations.map(openBench));
    try {
      const before = await Promise.all(benches.map(hasExtra));
      for (const { peer } of benches) await peer.listen([]);
      for (const bench of benches.filter(({ client, endpoint }) => client === 'legacy' && endpoint === 'own')) {
        await bench.call('test_trigger_tool_change');
        await bench.call('test_trigger_prompt_change');
      }
      for (const bench of benches) {
        await heard(bench, 'notifications/tools/list_changed');
        await heard(bench, 'notifications/prompts/list_changed');
      }
      expect(await Promise.all(benches.map(hasExtra))).toEqual(before.map((each) => !each));
    } finally {
      await Promise.all(benches.map(({ peer }) => peer.close()));
    }
  });
});

async function hasExtra({ peer, name }: Bench): Promise<boolean> {
  return named((await peer.ask('tools/list')).tools, name('extra')) !== undefined;
}

/** Calls the tool "corpus" without a client of the SDK, whose schemas know fewer types of content than the protocol. */
async function openRaw({ client, server, endpoint }: Combination): Promise<(entry: string) => Promise<Json>> {
  const path = `/api/mcp${endpoint === 'own' ? `/${server}` : ''}`;
  const name = endpoint === 'own' ? 'corpus' : `${server}__corpus`;
  const key = hub.apiKey;
  if (client === 'modern') {
    return (entry) => modernResult(hub, 'tools/call', { name, arguments: { entry } }, { path, key });
  }
  const headers: Record<string, string> = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  };
  const post = (body: unknown) => fetch(hub.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  headers['mcp-session-id'] = (await post(initialize())).headers.get('mcp-session-id') ?? '';
  return async (entry) => {
    const answer = await lastMessage(await post(rpc('tools/call', { name, arguments: { entry } })));
    return answer?.result as Json;
  };
}
