// A fixture MCP server whose connection breaks in the middle of a call, and which notes each execution in a file, so that
// a test can count them over all lives of the process.
//   node breaking.mjs stdio <file>            breaks by ending the process
//   node breaking.mjs http <file> [port]      prints its URL; /mcp is streamable HTTP, /sse is HTTP+SSE
// "modern" after that: revision 2026-07-28. Each tool takes {how, times, key}: the first `times` executions of `key` break
// as `how` says, later ones answer with the process's name for itself.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

const [way = 'stdio', file = '', ...rest] = process.argv.slice(2);
const isModern = rest.includes('modern');
const modernVersion = '2026-07-28';
const self = String(process.pid);
const annotations = {
  look: { readOnlyHint: true },
  put: { readOnlyHint: false, idempotentHint: true },
  write: { readOnlyHint: false },
  plain: undefined,
};
const tools = Object.entries(annotations).map(([name, hints]) => ({
  name,
  inputSchema: { type: 'object' },
  ...(hints && { annotations: hints }),
}));
const complete = (result) => (isModern ? { resultType: 'complete', ...result } : result);

const methods = {
  ...(isModern
    ? {
        'server/discover': () =>
          complete({ supportedVersions: [modernVersion], capabilities: { tools: {}, resources: {} }, ttlMs: 0 }),
      }
    : {
        initialize: ({ protocolVersion }) => ({
          protocolVersion,
          capabilities: { tools: {}, resources: {} },
          serverInfo: { name: 'breaking', version: '1.0.0' },
        }),
        ping: () => ({}),
      }),
  'tools/list': () => complete({ tools, ttlMs: 0 }),
  'resources/list': () => complete({ resources: [{ uri: 'note://one', name: 'one' }], ttlMs: 0 }),
  'resources/templates/list': () => complete({ resourceTemplates: [], ttlMs: 0 }),
};

const executions = (key) =>
  (existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []).filter((line) => line === key);

/** Runs a call or a read. `breaks` is asked to break it; without it the result is returned. */
async function run({ method, params }, notify, breaks) {
  if (method === 'resources/read') {
    appendFileSync(file, `${params.uri}\n`);
    if (executions(params.uri).length > 1) return complete({ contents: [{ uri: params.uri, text: self }], ttlMs: 0 });
    return breaks('end');
  }
  const { how, times = 1, key } = params.arguments;
  appendFileSync(file, `${key}\n`);
  if (executions(key).length > times) return complete({ content: [{ type: 'text', text: self }] });
  if (how === 'progress') {
    notify({ method: 'notifications/progress', params: { progressToken: params._meta.progressToken, progress: 1 } });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return breaks(how);
}

async function answer(message, notify, breaks) {
  const known = methods[message.method];
  const isRun = message.method === 'tools/call' || message.method === 'resources/read';
  if (!known && !isRun) return { jsonrpc: '2.0', id: message.id, error: { code: -32601, message: 'unknown' } };
  const result = isRun ? await run(message, notify, breaks) : known(message.params ?? {});
  return result && { jsonrpc: '2.0', id: message.id, result };
}

function serveStdio() {
  const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  createInterface({ input: process.stdin }).on('line', async (line) => {
    const message = JSON.parse(line);
    if (message.id !== undefined) send(await answer(message, send, () => process.exit(9)));
  });
}

const event = (message) => `event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`;

async function post(message, response) {
  const notify = (notification) => {
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(event(notification));
  };
  const breaks = (how) => {
    if (how === 'end') return void process.exit(9);
    if (how.startsWith('http-')) {
      response.writeHead(Number(how.slice('http-'.length)), { 'content-type': 'text/html' }).end('<h1>gateway</h1>');
    } else if (how === 'stream-cut' || how === 'progress') {
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(': here\n\n', () => response.destroy());
    } else if (how === 'stream-end') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end(': here\n\n');
    } else {
      response.destroy();
    }
    return undefined;
  };
  const answered = await answer(message, notify, breaks);
  if (!answered) return;
  if (response.headersSent) response.end(event(answered));
  else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answered));
}

function openOldStream(response) {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).write('event: endpoint\ndata: /messages\n\n');
  return response;
}

function serveHttp() {
  let oldStream = null;
  const server = createServer(async (request, response) => {
    const path = new URL(request.url, 'http://x').pathname;
    if (request.method === 'GET' && path === '/sse') {
      oldStream = openOldStream(response);
      return;
    }
    if (request.method !== 'POST') return void response.writeHead(405).end();
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const message = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (path === '/mcp' && message.id !== undefined) return post(message, response);
    response.writeHead(202).end();
    if (message.id === undefined) return;
    const stream = oldStream;
    const send = (said) => stream?.write(event(said));
    const answered = await answer(message, send, () => void stream?.destroy());
    if (answered) send(answered);
  });
  server.listen(Number(rest.find((each) => /^\d+$/.test(each)) ?? 0), '127.0.0.1', () => {
    process.stdout.write(`http://127.0.0.1:${server.address().port}\n`);
  });
}

if (way === 'http') serveHttp();
else serveStdio();
