// A fixture MCP server over streamable HTTP in raw node:http. It prints its URL as its only line of stdout. Behaviour is
// chosen by the path, so that one process serves all tests of a file:
//   /mcp            well-behaved, JSON answers        /sse        answers as event streams, with progress
//   /auth           401 without "Bearer let-me-in"    /redirect   307 to /mcp
//   /redirect-away  307 to another origin             /redirect-loop  307 to itself
//   /html           200 with HTML                     /status/503 that status
//   /gzip           compressed answers                /bomb       16 MiB and more out of few bytes, also /bomb-br,
//                  /bomb-deflate, and /bomb-stream as one event; /html-call, /odd-call: calls answered with no JSON
//   /huge           a body over the limit             /cut        a stream that breaks off
//   /resume         a stream that ends early and goes on by GET with Last-Event-ID
//   /busy?status=503&method=initialize&times=2&after=1   so many such requests get the status and Retry-After
//   /sessionless    no session id                     /strange-400  lost sessions as 400, code -32000
//   /modern/…       the same as a server of 2026-07-28
// POST /control/drop-sessions forgets all sessions, GET /control/seen lists what arrived.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { brotliCompressSync, deflateSync, gzipSync, constants as zlib } from 'node:zlib';

const sessions = new Set();
const seen = [];
const streams = new Set();
const resumable = new Map();
const text = (value) => ({ content: [{ type: 'text', text: String(value) }] });
const tools = ['echo', 'sleep', 'progress'].map((name) => ({ name, inputSchema: { type: 'object' } }));

const methods = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: { listChanged: true } },
    serverInfo: { name: 'fixture-http', version: '1.0.0' },
  }),
  ping: () => ({}),
  'tools/list': () => ({ tools }),
  'tools/call': async ({ name, arguments: args, _meta }, notify) => {
    if (name === 'sleep') await new Promise((resolve) => setTimeout(resolve, args?.ms ?? 0));
    for (let progress = 1; name === 'progress' && progress <= 3; progress += 1) {
      notify({ method: 'notifications/progress', params: { progressToken: _meta?.progressToken, progress } });
    }
    return text(args?.text ?? '');
  },
};

const discovery = {
  supportedVersions: ['2026-07-28'],
  capabilities: { tools: {} },
  serverInfo: { name: 'fixture-http', version: '1.0.0' },
  resultType: 'complete',
  ttlMs: 0,
};

async function rpc(message, notify = () => {}) {
  if (message.modern && message.method === 'server/discover')
    return { jsonrpc: '2.0', id: message.id, result: discovery };
  const run = methods[message.method];
  if (!run) return { jsonrpc: '2.0', id: message.id, error: { code: -32601, message: 'Unknown method' } };
  return { jsonrpc: '2.0', id: message.id, result: await run(message.params ?? {}, notify) };
}

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function reply(response, status, value, headers = {}) {
  const content = typeof value === 'string' ? value : JSON.stringify(value);
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(content);
}

const rpcError = (code, message) => ({ jsonrpc: '2.0', id: null, error: { code, message } });
const event = (message, id) => `${id ? `id: ${id}\n` : ''}event: message\ndata: ${JSON.stringify(message)}\n\n`;

async function control(response, path) {
  if (path === '/control/drop-sessions') {
    sessions.clear();
    for (const stream of streams) stream.destroy();
  }
  if (path === '/control/notify') {
    for (const stream of streams) stream.write(event({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' }));
  }
  reply(response, 200, path === '/control/seen' ? seen : { streams: streams.size });
}

const busyAnswers = new Map();

function isBusy(url, method) {
  const wanted = new URL(url, 'http://x').searchParams;
  const given = busyAnswers.get(url) ?? 0;
  if (method !== wanted.get('method') || given >= Number(wanted.get('times') ?? Infinity)) return false;
  busyAnswers.set(url, given + 1);
  return true;
}

/** @returns whether the path's own behaviour has answered the request */
function misbehave(request, response, path, message) {
  const origin = `http://${request.headers.host}`;
  if (path === '/auth' && request.headers.authorization !== 'Bearer let-me-in') {
    reply(response, 401, rpcError(-32001, 'no'), { 'www-authenticate': 'Bearer' });
  } else if (path === '/redirect') {
    reply(response, 307, '', { location: message?.modern ? '/modern/mcp' : '/mcp' });
  } else if (path === '/redirect-loop') {
    reply(response, 307, '', { location: message?.modern ? '/modern/redirect-loop' : '/redirect-loop' });
  } else if (path === '/redirect-away') {
    reply(response, 307, '', { location: `${origin.replace('127.0.0.1', 'localhost')}/mcp` });
  } else if (path === '/html') {
    reply(response, 200, '<html>hello</html>', { 'content-type': 'text/html' });
  } else if (path === '/busy' && isBusy(request.url, message?.method)) {
    const { status, after } = Object.fromEntries(new URL(request.url, origin).searchParams);
    const wish = after?.startsWith('date+')
      ? new Date(Date.now() + Number(after.slice(5)) * 1000).toUTCString()
      : after;
    const headers = { 'content-type': 'text/html', ...(wish && { 'retry-after': wish }) };
    reply(response, Number(status), '<h1>secret stack</h1>', headers);
  } else if (path.startsWith('/status/')) {
    reply(response, Number(path.slice('/status/'.length)), '<h1>secret stack</h1>', { 'content-type': 'text/html' });
  } else if (message?.method === 'tools/call' && path === '/huge') {
    response.writeHead(200, { 'content-type': 'application/json' });
    const part = 'x'.repeat(1024 * 1024);
    for (let sent = 0; sent < 24; sent += 1) response.write(part);
    response.end();
  } else if (message?.method === 'tools/call' && path === '/bomb') {
    sendBomb(response, 'gzip', gzipSync);
  } else if (message?.method === 'tools/call' && path === '/bomb-br') {
    sendBomb(response, 'br', (data) => brotliCompressSync(data, { params: { [zlib.BROTLI_PARAM_QUALITY]: 1 } }));
  } else if (message?.method === 'tools/call' && path === '/bomb-deflate') {
    sendBomb(response, 'deflate', deflateSync);
  } else if (message?.method === 'tools/call' && path === '/bomb-stream') {
    sendBomb(response, 'gzip', gzipSync, 'text/event-stream');
  } else if (message?.method === 'tools/call' && path === '/html-call') {
    reply(response, 200, '<html>secret stack</html>', { 'content-type': 'text/html' });
  } else if (message?.method === 'tools/call' && path === '/odd-call') {
    reply(response, 200, '{"secret": "stack"}', { 'content-type': 'application/octet-stream' });
  } else if (message?.method === 'tools/call' && path === '/cut') {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': hello\n\n', () => response.destroy());
  } else {
    return false;
  }
  return true;
}

const bombs = new Map();

function sendBomb(response, encoding, pack, type = 'application/json') {
  const key = `${encoding} ${type}`;
  const start = type === 'text/event-stream' ? 'data: ' : '';
  if (!bombs.has(key)) bombs.set(key, pack(Buffer.concat([Buffer.from(start), Buffer.alloc(200 * 1024 * 1024, 'x')])));
  response.writeHead(200, { 'content-type': type, 'content-encoding': encoding }).end(bombs.get(key));
}

/** @returns whether the session is known, or the request opens one */
function checkSession(request, response, path, message) {
  if (path === '/sessionless' || message?.modern || message?.method === 'initialize') return true;
  if (sessions.has(request.headers['mcp-session-id'])) return true;
  if (path === '/strange-400') reply(response, 400, rpcError(-32000, 'Bad Request: No valid session ID provided'));
  else reply(response, 404, rpcError(-32001, 'Session not found'));
  return false;
}

function openStream(request, response, path) {
  const lastEventId = request.headers['last-event-id'];
  if (path === '/resume' && lastEventId) {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(event(resumable.get(lastEventId), 'done'));
  } else if (path === '/sse' || path === '/mcp') {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': open\n\n');
    streams.add(response);
    response.on('close', () => streams.delete(response));
  } else {
    reply(response, 405, rpcError(-32600, 'no stream here'), { allow: 'POST' });
  }
}

async function answer(response, path, message) {
  const headers = {};
  if (message.method === 'initialize' && path !== '/sessionless') {
    const id = randomUUID();
    sessions.add(id);
    headers['mcp-session-id'] = id;
  }
  if (message.id === undefined) {
    response.writeHead(202).end();
  } else if (path === '/sse') {
    response.writeHead(200, { 'content-type': 'text/event-stream', ...headers });
    const notify = (notification) => response.write(event({ jsonrpc: '2.0', ...notification }));
    response.end(event(await rpc(message, notify)));
  } else if (path === '/resume' && message.method === 'tools/call') {
    resumable.set('event-1', await rpc(message));
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end('id: event-1\nretry: 100\ndata: \n\n');
  } else if (path === '/gzip') {
    const packed = gzipSync(JSON.stringify(await rpc(message)));
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip', ...headers }).end(packed);
  } else {
    reply(response, 200, await rpc(message), headers);
  }
}

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://x');
  const modern = pathname.startsWith('/modern/');
  const path = modern ? pathname.slice('/modern'.length) : pathname;
  if (path.startsWith('/control/')) return control(response, path);
  const content = await body(request);
  const message = content ? JSON.parse(content) : undefined;
  const atMs = performance.now();
  if (message) message.modern = modern;
  seen.push({
    verb: request.method,
    path: pathname,
    url: request.url,
    method: message?.method,
    headers: request.headers,
    atMs,
  });
  if (misbehave(request, response, path, message) || !checkSession(request, response, path, message)) return;
  if (request.method === 'DELETE') {
    sessions.delete(request.headers['mcp-session-id']);
    return reply(response, 200, '');
  }
  if (request.method === 'GET') return openStream(request, response, path);
  return answer(response, path, message);
});

server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${server.address().port}\n`);
});
