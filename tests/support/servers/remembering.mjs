// A fixture MCP server over stdio that remembers what it was told, and says which process it is.
//   node remembering.mjs <file> [delay in ms]
// Each start appends its pid to the file. While "<file>.refuse" exists a start fails.
import { appendFileSync, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [file = '', delayMs = '0'] = process.argv.slice(2);
if (file) appendFileSync(file, `${process.pid}\n`);
if (file && existsSync(`${file}.refuse`)) {
  process.stderr.write('the disk is full\n');
  process.exit(5);
}

const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const text = (value) => ({ content: [{ type: 'text', text: String(value) }] });
const heard = [];
const asked = new Map();
let declared = {};
let atStart = 'nothing';
let questions = 0;
let level = 'none';

function ask(method, params) {
  questions += 1;
  const id = `q${questions}`;
  send({ id, method, params });
  return new Promise((resolve) => asked.set(id, resolve));
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const tools = {
  /** Everything that this process was told so far, this one included. */
  remember: async ({ text: word, ms = 0 }) => {
    heard.push(word);
    await sleep(ms);
    return text(heard.join(','));
  },
  pid: () => text(process.pid),
  sleep: async ({ ms }) => {
    await sleep(ms);
    return text(process.pid);
  },
  exit: () => process.exit(3),
  declared: () => text(JSON.stringify(declared)),
  /** What the client answered to roots/list, which it was asked as soon as the session began. */
  'at-start': () => text(atStart),
  ask: async ({ method = 'elicitation/create', message = 'name?' }) => {
    const params = { message, requestedSchema: { type: 'object', properties: { name: { type: 'string' } } } };
    return text(JSON.stringify(await ask(method, method === 'elicitation/create' ? params : {})));
  },
  log: async ({ word }) => {
    send({ method: 'notifications/message', params: { level: 'info', data: word } });
    return text(level);
  },
  touch: () => {
    send({ method: 'notifications/resources/updated', params: { uri: 'memo://one' } });
    return text('touched');
  },
};

const methods = {
  initialize: ({ protocolVersion, capabilities }) => {
    declared = capabilities;
    return {
      protocolVersion,
      capabilities: { tools: {}, resources: { subscribe: true }, logging: {} },
      serverInfo: { name: 'remembering', version: '1' },
    };
  },
  ping: () => ({}),
  'tools/list': () => ({ tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: 'object' } })) }),
  'tools/call': ({ name, arguments: args }) => tools[name](args ?? {}),
  'resources/list': () => ({ resources: [{ uri: 'memo://one', name: 'One' }] }),
  'resources/templates/list': () => ({ resourceTemplates: [] }),
  'resources/read': ({ uri }) => ({ contents: [{ uri, text: heard.join(',') }] }),
  'resources/subscribe': () => ({}),
  'resources/unsubscribe': () => ({}),
  'logging/setLevel': (params) => {
    level = params.level;
    return {};
  },
};

async function take(line) {
  const { id, method, params, result, error } = JSON.parse(line);
  if (method === undefined) return asked.get(id)?.(error ?? result);
  if (method === 'notifications/initialized' && declared.roots) {
    ask('roots/list').then((answer) => {
      atStart = JSON.stringify(answer);
    });
  }
  if (id === undefined) return;
  const run = methods[method];
  if (!run) return send({ id, error: { code: -32601, message: `unknown: ${method}` } });
  send({ id, result: await run(params ?? {}) });
}

setTimeout(() => createInterface({ input: process.stdin }).on('line', take), Number(delayMs));
