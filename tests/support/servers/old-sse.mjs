// A fixture MCP server over HTTP+SSE (2024-11-05) in raw node:http. It prints its URL as its only line of stdout. The
// path of the stream says how it behaves, so that one process serves all tests of a file; each stream has its own address
// for messages, /messages/<behaviour>?session=…:
//   /good           well-behaved                     /auth          401 without "Bearer let-me-in"
//   /redirect       307 to /good                     /redirect-away 307 to another origin, /redirect-loop to itself
//   /moved          its messages are redirected, /moved-away to another origin, /moved-loop without end
//   /elsewhere      names an address on another origin  /nameless   names none
//   /renamed        names a second address later     /html          200 with HTML, whose body never ends
//   /bomb           40 MiB out of few bytes         /lines         an event of four million empty lines
//   /huge           calls are answered over the limit   /comments    a comment without end, before the answer
//   /cut            calls but those of "sleep" cut the stream, /half in the middle of an event, /end in good order
//   /held           POSTs stay without an answer while a call works; /trickle: their answers never end
//   /busy?status=503&method=stream&times=2&after=1&of=7   so many such requests get the status and Retry-After
//   /status/403     that status
// /control/forget forgets the addresses while the streams stand, /control/seen lists what arrived, with its time.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { gzipSync } from 'node:zlib';

const streams = new Map();
const seen = [];
const busyAnswers = new Map();
const html = { 'content-type': 'text/html' };
const eventStream = { 'content-type': 'text/event-stream' };
const event = (message) => `event: message\ndata: ${JSON.stringify(message)}\n\n`;
const tools = ['echo', 'sleep'].map((name) => ({ name, inputSchema: { type: 'object' } }));

const methods = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: 'fixture-old', version: '1.0.0' },
  }),
  ping: () => ({}),
  'tools/list': () => ({ tools }),
  'tools/call': async ({ arguments: args }) => {
    await new Promise((resolve) => setTimeout(resolve, args?.ms ?? 0));
    return { content: [{ type: 'text', text: String(args?.text ?? '') }] };
  },
};

/** @returns whether the request was answered with the status that its URL asks for */
function isBusy({ url }, response, method) {
  const { status, method: wanted, times, after, of } = Object.fromEntries(new URL(url, 'http://x').searchParams);
  const given = busyAnswers.get(of) ?? 0;
  if (status === undefined || wanted !== method || given >= Number(times ?? Infinity)) return false;
  busyAnswers.set(of, given + 1);
  response.writeHead(Number(status), { ...html, ...(after && { 'retry-after': after }) }).end('<h1>secret stack</h1>');
  return true;
}

async function writeSlowly(response, parts) {
  for (const part of parts) {
    if (response.destroyed) return;
    if (!response.write(part)) await new Promise((resolve) => response.once('drain', resolve).once('close', resolve));
  }
}

function* many(part, count) {
  for (let sent = 0; sent < count; sent += 1) yield part;
}

function openStream(request, response, { pathname, search, origin }) {
  const behaviour = pathname.slice(1);
  if (behaviour === 'auth' && request.headers.authorization !== 'Bearer let-me-in')
    return response.writeHead(401).end();
  if (behaviour.startsWith('status/'))
    return response.writeHead(Number(behaviour.slice(7)), html).write('<h1>secret stack');
  if (behaviour === 'redirect') return response.writeHead(307, { location: '/good' }).end();
  if (behaviour === 'redirect-loop') return response.writeHead(307, { location: '/redirect-loop' }).write('on and on');
  const other = origin.replace('127.0.0.1', 'localhost');
  if (behaviour === 'redirect-away') return response.writeHead(307, { location: `${other}/good` }).end();
  if (behaviour === 'html') return response.writeHead(200, html).write('<html>hello');
  if (behaviour === 'busy' && isBusy(request, response, 'stream')) return undefined;
  if (behaviour === 'bomb') {
    const start = Buffer.from('event: endpoint\ndata: ');
    const packed = gzipSync(Buffer.concat([start, Buffer.alloc(40 * 1024 * 1024, 'x')]));
    return response.writeHead(200, { ...eventStream, 'content-encoding': 'gzip' }).end(packed);
  }
  const session = randomUUID();
  response.writeHead(200, eventStream);
  streams.set(session, response);
  response.on('close', () => streams.delete(session));
  const own = `/messages/${behaviour}${search ? `${search}&` : '?'}session=${session}`;
  const named = behaviour === 'elsewhere' ? `${other}${own}` : own;
  if (behaviour === 'nameless') return response.write(': nothing to say\n\n');
  response.write(`event: endpoint\ndata: ${named}\n\n`);
  if (behaviour === 'renamed') response.write(`event: endpoint\ndata: ${other}${own}\n\n`);
  return undefined;
}

async function post(request, response, { pathname, searchParams, origin }, message) {
  const behaviour = pathname.split('/')[2];
  const { method, id } = message;
  if (behaviour === 'moved-loop') return response.writeHead(307, { location: request.url }).end();
  if (behaviour === 'moved') {
    return response.writeHead(307, { location: request.url.replace('/moved', '/good') }).write('on and on');
  }
  if (behaviour === 'moved-away') {
    const location = origin.replace('127.0.0.1', 'localhost') + request.url.replace('/moved-away', '/good');
    return response.writeHead(307, { location }).end();
  }
  if (behaviour === 'busy' && isBusy(request, response, method)) return undefined;
  const stream = streams.get(searchParams.get('session'));
  if (!stream) return response.writeHead(404).end('Could not find session');
  const isCall = method === 'tools/call' && message.params.name !== 'sleep';
  if (behaviour === 'trickle') response.writeHead(202).write('Accepted');
  else if (behaviour !== 'held' || !isCall) response.writeHead(202).end('Accepted');
  if (id === undefined) return undefined;
  if (isCall && behaviour === 'cut') return stream.destroy();
  if (isCall && behaviour === 'end') return stream.end();
  if (isCall && behaviour === 'half') return stream.write('event: message\ndata: {"jsonr', () => stream.destroy());
  if (isCall && behaviour === 'huge') {
    stream.write(`event: message\ndata: {"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"content":"`);
    await writeSlowly(stream, many('x'.repeat(1024 * 1024), 24));
    return stream.write('"}}\n\n');
  }
  if (isCall && behaviour === 'lines') await writeSlowly(stream, many('data:\n'.repeat(100_000), 40));
  if (isCall && behaviour === 'lines') stream.write('\n');
  if (isCall && behaviour === 'comments') {
    await writeSlowly(stream, [':', ...many('x'.repeat(1024 * 1024), 40), '\n\n']);
  }
  stream.write(
    event(methods[method] ? { jsonrpc: '2.0', id, result: await methods[method](message.params ?? {}) } : unknown(id)),
  );
  return undefined;
}

const unknown = (id) => ({ jsonrpc: '2.0', id, error: { code: -32601, message: 'Unknown method' } });

const server = createServer(async (request, response) => {
  const url = new URL(request.url, `http://${request.headers.host}`);
  if (url.pathname.startsWith('/control/')) {
    // The streams go on, and no message finds them any more.
    if (url.pathname === '/control/forget') streams.clear();
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ seen, streams: streams.size }));
    return;
  }
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const message = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString('utf8')) : undefined;
  const { host } = request.headers;
  seen.push({ verb: request.method, url: request.url, host, method: message?.method, atMs: performance.now() });
  if (request.method === 'GET') openStream(request, response, url);
  else if (request.method === 'POST' && url.pathname.startsWith('/messages/'))
    await post(request, response, url, message);
  else response.writeHead(405).end();
});

server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${server.address().port}\n`);
});
