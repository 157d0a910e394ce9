// A fixture MCP server over stdio in raw JSON-RPC; the first argument says how it behaves. Each mode changes one thing
// of a well-behaved server, so that a test sees that one thing.
//   node stdio.mjs <mode> [argument]
// FIXTURE_TOOLS=all lists every tool, also those that harm.
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [mode = 'good', argument = ''] = process.argv.slice(2);
const write = (text) => process.stdout.write(text);
const send = (message) => write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const text = (value) => ({ content: [{ type: 'text', text: String(value) }] });
const descriptions = new Map();
const tool = (name, properties = {}) => ({
  name,
  description: descriptions.get(name) ?? `Fixture tool ${name}`,
  inputSchema: { type: 'object', properties },
});

let calls = 0;
let lists = 0;
let crowd = 0;
let crowded = 0;
let toolNames = ['echo', 'sleep', 'big', 'progress', 'counter', 'pid', 'env', 'cwd', 'exit', 'ask', 'cancelled'];
const cancelled = [];
const kept = [];

const toolCalls = {
  echo: (args) => text(args?.text ?? ''),
  sleep: async (args) => {
    await new Promise((resolve) => setTimeout(resolve, args?.ms ?? 0));
    return text(`slept ${args?.ms ?? 0}`);
  },
  big: (args) => text('x'.repeat(args?.bytes ?? 1024)),
  progress: async (args, token) => {
    const steps = args?.steps ?? 3;
    for (let step = 1; step <= steps; step += 1) {
      await new Promise((resolve) => setTimeout(resolve, args?.ms ?? 5));
      if (token !== undefined) {
        send({ method: 'notifications/progress', params: { progressToken: token, progress: step, total: steps } });
      }
    }
    return text(`${steps} steps`);
  },
  /** Answers with how many of these ran at most at once, since it was last asked with `ms` 0. */
  crowd: async (args) => {
    if (!args?.ms) {
      const most = crowded;
      crowded = 0;
      return text(most);
    }
    crowd += 1;
    crowded = Math.max(crowded, crowd);
    await new Promise((resolve) => setTimeout(resolve, args.ms));
    crowd -= 1;
    return text(crowded);
  },
  counter: () => text(calls),
  lists: () => text(lists),
  pid: () => text(process.pid),
  env: () => text(JSON.stringify(process.env)),
  cwd: () => text(process.cwd()),
  exit: (args) => process.exit(args?.code ?? 0),
  cancelled: () => text(JSON.stringify(cancelled)),
  /** Takes memory and keeps it, itself or in a child that has left its group. */
  hog: async (args) => {
    if (args?.inChild) {
      const script = `const kept = Buffer.alloc(${args.mb} * 1048576, 1); setInterval(() => kept, 1000)`;
      spawn(process.execPath, ['-e', script], { stdio: 'ignore', detached: true }).unref();
    } else kept.push(Buffer.alloc((args?.mb ?? 1) * 1024 * 1024, 1));
    return text('kept');
  },
  /** Computes without ever looking up. */
  spin: (args) => {
    const end = performance.now() + (args?.ms ?? Infinity);
    while (performance.now() < end);
    return text('done');
  },
  /** Computes for ever and answers all the same. */
  churn: () => {
    setInterval(() => toolCalls.spin({ ms: 45 }), 50);
    return text('begun');
  },
  fork: (args) => {
    for (let count = 0; count < (args?.count ?? 1); count += 1) spawn('sleep', ['603'], { stdio: 'ignore' });
    return text('forked');
  },
  open: (args) => {
    let count = 0;
    try {
      while (count < (args?.count ?? 1)) {
        openSync('/dev/null', 'r');
        count += 1;
      }
    } catch (error) {
      return text(`${error.code} after ${count}`);
    }
    return text(`opened ${count}`);
  },
  /** Progress as fast as it can be written, until the call is cancelled or ends. */
  'progress-flood': async (args, token) => {
    for (let progress = 1; progress <= (args?.count ?? 1000); progress += 1) {
      const line = { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: token, progress } };
      if (!write(`${JSON.stringify(line)}\n`)) await new Promise((resolve) => process.stdout.once('drain', resolve));
    }
    return text('flooded');
  },
  /** Says something else of a tool from now on. */
  redescribe: (args) => {
    descriptions.set(args.name, args.description);
    send({ method: 'notifications/tools/list_changed' });
    return text('described');
  },
  add: (args) => {
    toolNames = [...toolNames, args.name];
    send({ method: 'notifications/tools/list_changed' });
    return text('added');
  },
  /** Asks its client something and answers with what it got. */
  ask: (args) =>
    new Promise((resolve) => {
      asked.set('ask-1', (message) => resolve(text(JSON.stringify(message.error ?? message.result))));
      send({ id: 'ask-1', method: args?.method ?? 'ping' });
    }),
};
const asked = new Map();
if (process.env.FIXTURE_TOOLS === 'all') toolNames = Object.keys(toolCalls);

const prompts = [{ name: 'greet', description: 'Greets', arguments: [{ name: 'who', required: true }] }];
const capabilities = {
  tools: { listChanged: true },
  resources: mode === 'subscriptions' ? { subscribe: true } : {},
  prompts: {},
  completions: {},
  logging: {},
  ...(mode === 'tasks' && { tasks: { list: {}, cancel: {} } }),
};

const methods = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion: mode === 'version' ? argument : protocolVersion,
    capabilities,
    serverInfo: { name: `fixture-${mode}`, version: '1.0.0', title: 'Fixture' },
    instructions: 'Use echo.',
  }),
  ping: () => ({}),
  'tools/list': (params) => listTools(params?.cursor),
  'tools/call': ({ name, arguments: args, _meta }) => {
    calls += 1;
    if (mode === 'crash-after' && calls > Number(argument)) process.exit(9);
    if (mode === 'hang-on-call') return new Promise(() => {});
    const run = toolCalls[name];
    if (!run) throw { code: -32602, message: `Unknown tool: ${name}` };
    return run(args, _meta?.progressToken);
  },
  'resources/list': () => ({ resources: [{ uri: 'memo://one', name: 'One', mimeType: 'text/plain' }] }),
  'resources/templates/list': () => ({ resourceTemplates: [{ uriTemplate: 'memo://{id}', name: 'Memo' }] }),
  'resources/read': ({ uri }) => ({ contents: [{ uri, mimeType: 'text/plain', text: `content of ${uri}` }] }),
  'prompts/list': () => ({ prompts }),
  'prompts/get': ({ arguments: args }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Hello ${args?.who}` } }],
  }),
  'completion/complete': ({ argument: part }) => ({ completion: { values: [`${part.value}-1`, `${part.value}-2`] } }),
  'logging/setLevel': () => ({}),
  'resources/subscribe': () => ({}),
  'resources/unsubscribe': () => ({}),
};

function listTools(cursor) {
  lists += 1;
  const names = toolNames.filter((name) => name !== 'add');
  const tools = [...names.map((name) => tool(name)), tool('add', { name: { type: 'string' } })];
  if (mode === 'bad-tools') {
    return {
      tools: [
        tool('first'),
        null,
        { name: 17, inputSchema: { type: 'object' } },
        { name: 'no-schema' },
        { name: 'text-schema', inputSchema: 'object' },
        tool('x'.repeat(200)),
        tool('first'),
        { ...tool('huge'), inputSchema: { type: 'object', description: 'y'.repeat(300 * 1024) } },
        { ...tool('unknown-fields'), 'x-vendor': { kept: true } },
        tool('last'),
      ],
    };
  }
  if (mode === 'pages') {
    const page = Number(cursor ?? 0);
    return { tools: [tool(`page-${page}`)], ...(page < Number(argument) - 1 && { nextCursor: String(page + 1) }) };
  }
  if (mode === 'endless-pages') {
    const page = Number(cursor ?? 0);
    return { tools: [tool(`page-${page}`)], nextCursor: String(page + 1) };
  }
  if (mode === 'huge-catalogue') {
    const many = Array.from({ length: Number(argument) }, (_, at) => tool(`tool-${at}`));
    return { tools: [tool('echo'), ...many] };
  }
  if (mode === 'repeating-cursor') return { tools: [tool(`after-${cursor ?? 'start'}`)], nextCursor: 'same' };
  return { tools };
}

async function answer({ id, method, params }) {
  try {
    const run = methods[method];
    if (!run) throw { code: -32601, message: `Unknown method: ${method}` };
    const result = await run(params ?? {});
    respond(id, method, result);
  } catch (error) {
    send({ id, error: { code: error.code ?? -32603, message: error.message } });
  }
}

function respond(id, method, result) {
  if (method === 'tools/call') {
    if (mode === 'wrong-id') send({ id: `${id}-other`, result });
    if (mode === 'wrong-id') return;
    if (mode === 'duplicate') send({ id, result });
    // Foreign ids of every kind, a made-up one of the same shape among them, and then the right answer.
    if (mode === 'crossed') {
      for (const foreign of [`${id}0`, String(id).slice(0, -1), Number(calls), null, {}]) {
        send({ id: foreign, result: text(`foreign ${JSON.stringify(foreign)}`) });
      }
    }
    if (mode === 'number-id') send({ id: 1, result: text('foreign') });
    if (mode === 'enormous-line') {
      write(`{"jsonrpc":"2.0","id":"${id}","result":{"content":[{"type":"text","text":"`);
      for (let sent = 0; sent < 20; sent += 1) write('z'.repeat(1024 * 1024));
      write('"}]}}\n');
      return;
    }
    if (mode === 'not-an-object') {
      send({ id, result: 'text' });
      return;
    }
    if (mode === 'answer-and-exit') {
      process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`, () => process.exit(3));
      return;
    }
  }
  // The reference SDK puts `result` first, most others put it last.
  if (mode === 'result-first') write(`${JSON.stringify({ result, jsonrpc: '2.0', id })}\n`);
  else if (mode === 'spaced') write(`${JSON.stringify({ jsonrpc: '2.0', id, result }).replaceAll(':', ': ')}\r\n`);
  else send({ id, result });
}

function receive(line) {
  const message = JSON.parse(line);
  if (message.method === 'notifications/cancelled') cancelled.push(message.params);
  else if (message.method === undefined) asked.get(message.id)?.(message);
  else if (message.id !== undefined && !(mode === 'silent')) void answer(message);
}

function serve() {
  createInterface({ input: process.stdin }).on('line', receive);
}

const holdPipes = (command, args, options) =>
  spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options }).unref();

const modes = {
  'crash-at-start': () => {
    process.stderr.write('cannot open the database\nfatal: giving up\n');
    process.exitCode = Number(argument || 7);
  },
  'clean-exit': () => {},
  'not-mcp': () => {
    write('Hello, this is a web server\nListening on port 8080\n');
    if (argument === 'stay') setInterval(() => {}, 1000);
  },
  'print-forever': () => {
    const more = () => (write('y\n'.repeat(1000)) ? setImmediate(more) : process.stdout.once('drain', more));
    more();
  },
  'slow-start': () => setTimeout(serve, Number(argument || 1500)),
  silent: serve,
  'stdout-garbage': () => {
    write('Starting up…\n\n{"not":"json-rpc"}\n{broken\n');
    serve();
    setInterval(() => write('tick\n'), 20).unref();
  },
  'stdout-flood': () => {
    serve();
    const line = `${'noise '.repeat(200)}\n`;
    const more = () => (write(line.repeat(20)) ? setImmediate(more) : process.stdout.once('drain', more));
    more();
  },
  'list-changed-flood': () => {
    serve();
    setInterval(() => send({ method: 'notifications/tools/list_changed' }), 2).unref();
  },
  'exit-after-start': () => {
    serve();
    setTimeout(() => process.exit(0), Number(argument || 100));
  },
  'stderr-flood': () => {
    serve();
    const line = `${'noise '.repeat(20)}\n`;
    const more = () =>
      process.stderr.write(line.repeat(50)) ? setImmediate(more) : process.stderr.once('drain', more);
    more();
  },
  'ignore-sigterm': () => {
    process.on('SIGTERM', () => {});
    process.on('SIGHUP', () => {});
    serve();
    setInterval(() => {}, 1000);
  },
  grandchild: () => {
    holdPipes('sleep', [argument || '600']);
    serve();
  },
  'grandchild-session': () => {
    holdPipes('sleep', [argument || '600'], { detached: true });
    serve();
  },
  'grandchild-without-marker': () => {
    holdPipes('env', ['-i', '/bin/sleep', argument || '600'], { detached: true });
    serve();
  },
};

(modes[mode] ?? serve)();
