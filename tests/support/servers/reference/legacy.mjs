// The reference server with sessions (2025-11-25) on the SDK's v1: `legacy.mjs http` (sessions), `sessionless` and `sse`
// (HTTP+SSE of 2024-11-05) print their URL; `legacy.mjs stdio`. Questions to the client are requests on the call's stream.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { localhostHostValidation, localhostOriginValidation } from '@modelcontextprotocol/node';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { ResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { answer, capabilities, createWorld, RpcError } from './content.mjs';

const levels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];
const kinds = { 'sampling/createMessage': 'sampling', 'elicitation/create': 'elicitation', 'roots/list': 'roots' };
const maxRounds = 10;
const connections = new Set();

const world = createWorld((kind, uri) => {
  for (const { server, subscribed } of connections) {
    const told =
      kind === 'tools'
        ? server.sendToolListChanged()
        : kind === 'prompts'
          ? server.sendPromptListChanged()
          : subscribed.has(uri) && server.sendResourceUpdated({ uri });
    if (told) told.catch(() => {}); // nobody listens
  }
});

function createReference() {
  const server = new Server(
    { name: 'reference-legacy', version: '1.0.0' },
    { capabilities, instructions: 'A reference.' },
  );
  const connection = { server, subscribed: new Set(), level: 'debug' };
  connections.add(connection);
  server.onclose = () => connections.delete(connection);
  server.removeRequestHandler('logging/setLevel'); // its filter knows only messages outside of calls

  async function run(request, extra) {
    const { method, params = {} } = request;
    if (method === 'logging/setLevel') {
      if (!levels.includes(params.level)) throw new RpcError(-32602, 'No such level');
      connection.level = params.level;
      return {};
    }
    if (method === 'resources/subscribe' || method === 'resources/unsubscribe') {
      if (method.endsWith('/subscribe')) connection.subscribed.add(params.uri);
      else connection.subscribed.delete(params.uri);
      return {};
    }
    const declared = server.getClientCapabilities() ?? {};
    const token = params._meta?.progressToken;
    const { _meta, ...plain } = params;
    const call = {
      params: plain,
      meta: _meta,
      headers: extra.requestInfo?.headers ?? {},
      answers: {},
      signal: extra.signal,
      declares: (kind) => declared[kind] !== undefined,
      progress: async (progress) => {
        if (token !== undefined)
          await extra.sendNotification({
            method: 'notifications/progress',
            params: { progressToken: token, ...progress },
          });
      },
      log: async (level, data) => {
        if (levels.indexOf(level) >= levels.indexOf(connection.level))
          await extra.sendNotification({
            method: 'notifications/message',
            params: { level, data, logger: 'reference' },
          });
      },
      world,
    };
    for (let round = 0; round < maxRounds; round += 1) {
      const outcome = await answer(method, call);
      if (!outcome.ask) return outcome;
      for (const [key, question] of Object.entries(outcome.ask)) {
        const kind = kinds[question.method];
        if (!call.declares(kind)) throw new RpcError(-32600, `The client does not support ${kind}`);
        call.answers[key] = await extra.sendRequest(question, ResultSchema, { timeout: 120_000 });
      }
      call.state = outcome.state;
    }
    throw new RpcError(-32603, 'The client never answers what was asked');
  }

  server.fallbackRequestHandler = run;
  return server;
}

const body = async (request) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return chunks.length > 0 ? JSON.parse(Buffer.concat(chunks)) : undefined;
};

const transports = new Map();

async function withSessions(request, response) {
  const known = transports.get(request.headers['mcp-session-id']);
  if (known) return known.handleRequest(request, response);
  if (request.headers['mcp-session-id'] !== undefined) {
    response.writeHead(404, { 'content-type': 'application/json' });
    return response.end('{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}');
  }
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => randomUUID(),
    onsessioninitialized: (id) => void transports.set(id, transport),
  });
  transport.onclose = () => transports.delete(transport.sessionId);
  await createReference().connect(transport);
  await transport.handleRequest(request, response);
}

async function withoutSessions(request, response) {
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  const server = createReference();
  response.on('close', () => void server.close());
  await server.connect(transport);
  await transport.handleRequest(request, response, await body(request));
}

async function overSse(request, response) {
  const { pathname, searchParams } = new URL(request.url, 'http://x');
  if (request.method === 'GET') {
    const transport = new SSEServerTransport('/message', response);
    transports.set(transport.sessionId, transport);
    response.on('close', () => transports.delete(transport.sessionId));
    return createReference().connect(transport);
  }
  const transport = pathname === '/message' && transports.get(searchParams.get('sessionId'));
  if (transport) return transport.handlePostMessage(request, response);
  response.writeHead(pathname === '/message' ? 404 : 405).end();
}

const mode = process.argv[2] ?? 'http';
if (mode === 'stdio') {
  await createReference().connect(new StdioServerTransport());
} else {
  const serve = { http: withSessions, sessionless: withoutSessions, sse: overSse }[mode];
  const allowsHost = localhostHostValidation();
  const allowsOrigin = localhostOriginValidation();
  const listener = createServer((request, response) => {
    if (!allowsHost(request, response) || !allowsOrigin(request, response)) return;
    serve(request, response).catch((error) => {
      process.stderr.write(`${error.stack}\n`);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  listener.listen(Number(process.argv[3] ?? 0), '127.0.0.1', () => {
    process.stdout.write(`http://127.0.0.1:${listener.address().port}/${mode === 'sse' ? 'sse' : 'mcp'}\n`);
  });
}
