// What the two reference servers offer, the same in both eras: all that the official conformance suite asks for by name,
// and what the relay tests need. A tool runs with a `call` (see below) and returns its result, or `{ask, state}` when it
// needs answers of the client first; then it runs again with `answers` and `state`. How the questions travel is the
// business of legacy.mjs and modern.mjs.
//   call: {name, args, params, meta, headers, answers, state, signal, declares(kind), progress(params), log(level, data), world}
//   world: what all connections of the process share, see createWorld
import { setTimeout as delay } from 'node:timers/promises';
import { corpus, modernCorpus } from './corpus.mjs';

const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==';
const sound = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAABAAgAZGF0YQAAAAA=';
const text = (value) => ({ type: 'text', text: value });
const said = (value) => ({ content: [text(value)] });
const json = (value) => said(JSON.stringify(value));

/** An error of the protocol; both SDKs send code, message and data of what is thrown. */
export class RpcError extends Error {
  constructor(code, message, data) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

const form = (message, properties, required = Object.keys(properties)) => ({
  method: 'elicitation/create',
  params: { message, requestedSchema: { type: 'object', properties, required } },
});
const sample = (prompt, maxTokens = 100) => ({
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: text(prompt) }], maxTokens },
});
const roots = { method: 'roots/list' };
const string = { type: 'string' };

/** The answer to a form if it was accepted with a content, else undefined. */
const accepted = (answer) => (answer?.action === 'accept' && answer.content ? answer.content : undefined);
const hasEnded = (answer) => answer && ['decline', 'cancel'].includes(answer.action);

/** Asks once, and turns the answer into a result. */
const asking = (key, request, conclude, state) => (call) => {
  const answer = call.answers[key];
  const question = typeof request === 'function' ? request(call) : request;
  if (question.method === 'elicitation/create') {
    if (accepted(answer) || hasEnded(answer) || (answer && question.params.mode === 'url'))
      return conclude(answer, call);
  } else if (answer && (answer.content || answer.roots)) {
    return conclude(answer, call);
  }
  return { ask: { [key]: question }, ...(state && { state }) };
};

const enums = {
  untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
  titledSingle: {
    type: 'string',
    oneOf: ['First', 'Second', 'Third'].map((title, index) => ({
      const: `value${index + 1}`,
      title: `${title} Option`,
    })),
  },
  legacyEnum: {
    type: 'string',
    enum: ['opt1', 'opt2', 'opt3'],
    enumNames: ['Option One', 'Option Two', 'Option Three'],
  },
  untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
  titledMulti: {
    type: 'array',
    items: {
      anyOf: ['First', 'Second', 'Third'].map((title, index) => ({
        const: `value${index + 1}`,
        title: `${title} Choice`,
      })),
    },
  },
};

const completed = (answer) =>
  said(`Elicitation completed: action=${answer.action}, content=${JSON.stringify(answer.content ?? {})}`);

/** name → {description, run, and further fields of the tool}. */
export const tools = {
  test_simple_text: { run: () => said('This is a simple text response for testing.') },
  test_image_content: { run: () => ({ content: [{ type: 'image', data: pixel, mimeType: 'image/png' }] }) },
  test_audio_content: { run: () => ({ content: [{ type: 'audio', data: sound, mimeType: 'audio/wav' }] }) },
  test_embedded_resource: {
    run: () => ({
      content: [
        {
          type: 'resource',
          resource: {
            uri: 'test://embedded-resource',
            mimeType: 'text/plain',
            text: 'This is an embedded resource content.',
          },
        },
      ],
    }),
  },
  test_multiple_content_types: {
    run: () => ({
      content: [
        text('Multiple content types test:'),
        { type: 'image', data: pixel, mimeType: 'image/png' },
        {
          type: 'resource',
          resource: {
            uri: 'test://mixed-content-resource',
            mimeType: 'application/json',
            text: '{"test":"data","value":123}',
          },
        },
      ],
    }),
  },
  test_tool_with_logging: { run: logThrice },
  test_logging_tool: { run: logThrice },
  test_error_handling: {
    run: () => ({ ...said('This tool intentionally returns an error for testing'), isError: true }),
  },
  test_tool_with_progress: {
    run: async ({ progress }) => {
      for (const done of [0, 50, 100]) {
        await progress({ progress: done, total: 100, message: `${done} of 100` });
        await delay(50);
      }
      return said('progress done');
    },
  },
  test_sampling: {
    inputSchema: { type: 'object', properties: { prompt: string }, required: ['prompt'] },
    run: asking(
      'sample',
      ({ args }) => sample(String(args.prompt)),
      ({ content }) => said(`LLM response: ${content.text}`),
    ),
  },
  test_elicitation: {
    inputSchema: { type: 'object', properties: { message: string }, required: ['message'] },
    run: asking(
      'user',
      ({ args }) =>
        form(String(args.message), {
          username: { ...string, description: "User's response" },
          email: { ...string, description: "User's email address" },
        }),
      (answer) => said(`User response: ${JSON.stringify({ action: answer.action, content: answer.content })}`),
    ),
  },
  test_elicitation_sep1034_defaults: {
    run: asking(
      'defaults',
      form('Please review the defaults', {
        name: { type: 'string', default: 'John Doe' },
        age: { type: 'integer', default: 30 },
        score: { type: 'number', default: 95.5 },
        status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
        verified: { type: 'boolean', default: true },
      }),
      completed,
    ),
  },
  test_elicitation_sep1330_enums: { run: asking('enums', form('Please choose', enums, []), completed) },
  test_missing_capability: {
    run: ({ declares }) => {
      if (declares('sampling')) return said('sampling is there');
      throw missing('sampling');
    },
  },
  test_streaming_elicitation: {
    run: async (call) => {
      await call.progress({ progress: 1 });
      return asking('name', form('What is your name?', { name: string }), completed)(call);
    },
  },
  test_trigger_tool_change: { run: ({ world }) => said(`tools: ${world.toggle('tools')}`) },
  test_trigger_prompt_change: { run: ({ world }) => said(`prompts: ${world.toggle('prompts')}`) },
  json_schema_2020_12_tool: {
    inputSchema: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      $defs: {
        address: { $anchor: 'addressDef', type: 'object', properties: { street: string, city: string } },
      },
      properties: {
        name: string,
        address: { $ref: '#/$defs/address' },
        contactMethod: { type: 'string', enum: ['phone', 'email'] },
        phone: string,
        email: string,
      },
      allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
      if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { required: ['phone'] },
      else: { required: ['email'] },
      additionalProperties: false,
    },
    run: ({ args }) => json(args),
  },
  test_x_mcp_header: {
    inputSchema: {
      type: 'object',
      properties: {
        region: { ...string, 'x-mcp-header': 'Region' },
        count: { type: 'integer', 'x-mcp-header': 'Count' },
      },
    },
    run: ({ args, headers }) => json({ args, region: headers['mcp-param-region'], count: headers['mcp-param-count'] }),
  },

  test_input_required_result_elicitation: {
    run: asking('user_name', form('What is your name?', { name: string }), (answer) =>
      said(`Hello, ${answer.content?.name}!`),
    ),
  },
  test_input_required_result_sampling: {
    run: asking('capital_question', sample('What is the capital of France?'), ({ content }) => said(content.text)),
  },
  test_input_required_result_list_roots: {
    run: asking('client_roots', roots, (answer) => json(answer.roots.map(({ uri }) => uri))),
  },
  test_input_required_result_request_state: {
    run: asking(
      'confirm',
      form('Please confirm', { ok: { type: 'boolean' } }),
      (_answer, { state }) => said(state?.step === 'confirm' ? 'state-ok' : 'state lost'),
      { step: 'confirm' },
    ),
  },
  test_input_required_result_tampered_state: {
    run: asking('confirm', form('Please confirm', { ok: { type: 'boolean' } }), () => said('state-ok'), {
      step: 'confirm',
    }),
  },
  test_input_required_result_multiple_inputs: {
    run: ({ answers: { user_name, greeting, client_roots } }) =>
      accepted(user_name) && greeting?.content && client_roots?.roots
        ? said(`${greeting.content.text} ${user_name.content.name} (${client_roots.roots.length})`)
        : {
            ask: {
              user_name: form('What is your name?', { name: string }),
              greeting: sample('Generate a greeting', 50),
              client_roots: roots,
            },
            state: { step: 'all' },
          },
  },
  test_input_required_result_multi_round: {
    run: ({ answers, state }) => {
      if (state?.name && accepted(answers.step2)) return said(`${state.name} likes ${answers.step2.content.color}`);
      const name = state?.name ?? accepted(answers.step1)?.name;
      return name
        ? { ask: { step2: form('Step 2: What is your favorite color?', { color: string }) }, state: { name } }
        : { ask: { step1: form('Step 1: What is your name?', { name: string }) }, state: { step: 1 } };
    },
  },
  test_input_required_result_capabilities: {
    run: ({ answers, declares }) => {
      if (Object.keys(answers).length > 0) return json(Object.keys(answers));
      const ask = {
        ...(declares('elicitation') && { name: form('What is your name?', { name: string }) }),
        ...(declares('sampling') && { sample: sample('Say something') }),
        ...(declares('roots') && { roots }),
      };
      return Object.keys(ask).length > 0 ? { ask } : said('nothing to ask with');
    },
  },

  echo: { run: ({ params, meta }) => json({ ...params, _meta: meta }) },
  headers: { run: ({ headers }) => json(headers) },
  structured: {
    outputSchema: { type: 'object', properties: { sum: { type: 'number' } }, required: ['sum'] },
    run: ({ args }) => ({ ...json({ sum: args.a + args.b }), structuredContent: { sum: args.a + args.b } }),
  },
  rpc_error: {
    run: () => {
      throw new RpcError(-32603, 'an error of the server', { detail: [1, null] });
    },
  },
  /** Waits until it is cancelled; `cancellations` tells how often that happened. */
  wait: {
    run: async ({ signal, world }) => {
      world.waiting += 1;
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      world.waiting -= 1;
      world.cancelled += 1;
      return said('cancelled');
    },
  },
  cancellations: { run: ({ world }) => json({ waiting: world.waiting, cancelled: world.cancelled }) },
  log_all: {
    run: async ({ log, args }) => {
      for (const level of ['debug', 'info', 'warning', 'error'])
        await log(level, `${level} ${args.marker ?? ''}`.trim());
      return said('logged');
    },
  },
  ask_url: {
    run: asking(
      'open',
      ({ args }) => ({
        method: 'elicitation/create',
        params: {
          mode: 'url',
          message: 'Please sign in',
          url: `https://example.com/${args.path ?? ''}`,
          elicitationId: 'e-1',
        },
      }),
      (answer) => json(answer),
    ),
  },
  ask_form: {
    run: asking(
      'form',
      ({ args }) => form(`For ${args.marker}`, { name: string }),
      (answer, { args }) => json({ marker: args.marker, answer }),
    ),
  },
  ask_roots: { run: asking('roots', roots, (answer) => json(answer)) },
  ask_sample: {
    run: asking(
      'sample',
      ({ args }) => sample(`For ${args.marker}`),
      (answer, { args }) => json({ marker: args.marker, answer }),
    ),
  },
  corpus: {
    inputSchema: { type: 'object', properties: { entry: string }, required: ['entry'] },
    run: ({ args }) => ({ ...corpus, ...modernCorpus })[args.entry],
  },
  touch: {
    description: 'Says that a resource was updated.',
    run: ({ args, world }) => {
      world.updated(String(args.uri));
      return said('touched');
    },
  },
  link: {
    run: () => ({
      content: [
        { type: 'resource_link', uri: 'test://static-text', name: 'static-text' },
        { type: 'resource', resource: { uri: 'test://static-text', text: 'embedded' } },
      ],
      structuredContent: { uri: 'test://static-text' },
    }),
  },
  app: {
    _meta: { ui: { resourceUri: 'ui://reference/app.html' }, 'ui/resourceUri': 'ui://reference/app.html' },
    run: () => said('see the app'),
  },
  odd_fields: {
    title: 'Odd',
    icons: [{ src: 'https://example.com/i.png', mimeType: 'image/png', sizes: ['any'], future: 1 }],
    annotations: { readOnlyHint: true, future: { kept: true } },
    'x-vendor': { kept: [null, 0, ''] },
    run: () => said('odd'),
  },
};

export function missing(kind) {
  return new RpcError(-32021, `This needs the client capability ${kind}.`, { requiredCapabilities: { [kind]: {} } });
}

async function logThrice({ log }) {
  await log('info', 'Tool execution started');
  await delay(50);
  await log('info', 'Tool processing data');
  await delay(50);
  await log('info', 'Tool execution completed');
  return said('logging done');
}

const user = (content) => ({ role: 'user', content });

const prompts = {
  test_simple_prompt: { run: () => [user(text('This is a simple prompt for testing.'))] },
  test_prompt_with_arguments: {
    arguments: ['arg1', 'arg2'],
    run: ({ args }) => [user(text(`Prompt with arguments: arg1='${args.arg1}', arg2='${args.arg2}'`))],
  },
  test_prompt_with_embedded_resource: {
    arguments: ['resourceUri'],
    run: ({ args }) => [
      user({
        type: 'resource',
        resource: { uri: args.resourceUri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' },
      }),
      user(text('Please process the embedded resource above.')),
    ],
  },
  test_prompt_with_image: {
    run: () => [
      user({ type: 'image', data: pixel, mimeType: 'image/png' }),
      user(text('Please analyze the image above.')),
    ],
  },
  test_input_required_result_prompt: {
    run: ({ answers }) => {
      const context = accepted(answers.user_context)?.context;
      return context
        ? [user(text(`Use ${context}`))]
        : { ask: { user_context: form('What context should the prompt use?', { context: string }) } };
    },
  },
};

const resources = {
  'test://static-text': { mimeType: 'text/plain', text: 'This is the content of the static text resource.' },
  'test://static-binary': { mimeType: 'image/png', blob: pixel },
  'test://watched-resource': { mimeType: 'text/plain', text: 'watched' },
  'ui://reference/app.html': {
    mimeType: 'text/html;profile=mcp-app',
    text: '<!doctype html><title>app</title>',
    _meta: { ui: { csp: { connectDomains: ['https://example.com'] } } },
  },
};

const nameOf = (uri) => uri.slice(uri.indexOf('://') + 3);

/**
 * What the connections of one process share.
 * @param tell (kind: 'tools' | 'prompts' | 'updated', uri?) → void, to every connection that wants to know
 */
export function createWorld(tell) {
  const extra = { tools: false, prompts: false };
  return {
    extra,
    waiting: 0,
    cancelled: 0,
    /** Adds or takes away one entry of a list. */
    toggle(kind) {
      extra[kind] = !extra[kind];
      tell(kind);
      return extra[kind];
    },
    updated: (uri) => tell('updated', uri),
  };
}

export const capabilities = {
  tools: { listChanged: true },
  resources: { subscribe: true, listChanged: true },
  prompts: { listChanged: true },
  completions: {},
  logging: {},
  extensions: { 'io.modelcontextprotocol/ui': {} },
};

export const inputSchemaOf = (name) => tools[name]?.inputSchema ?? { type: 'object' };

/** @returns the result, or `{ask, state}` for tools/call and prompts/get. @throws RpcError */
export async function answer(method, call) {
  const { params, world } = call;
  switch (method) {
    case 'tools/list': {
      const extra = world.extra.tools
        ? [{ name: 'extra', description: 'there and away', inputSchema: { type: 'object' } }]
        : [];
      const listed = Object.entries(tools).map(([name, { run: _run, ...fields }]) => ({
        name,
        description: `reference tool ${name}`,
        inputSchema: { type: 'object' },
        ...fields,
      }));
      return { tools: [...listed, ...extra] };
    }
    case 'tools/call': {
      const tool = Object.hasOwn(tools, params.name) ? tools[params.name] : undefined;
      if (!tool) throw new RpcError(-32602, `Unknown tool: ${params.name}`);
      return tool.run({ ...call, args: params.arguments ?? {} });
    }
    case 'resources/list':
      return {
        resources: Object.entries(resources).map(([uri, { mimeType }]) => ({
          uri,
          name: nameOf(uri),
          description: uri,
          mimeType,
        })),
      };
    case 'resources/templates/list':
      return {
        resourceTemplates: [
          {
            uriTemplate: 'test://template/{id}/data',
            name: 'template',
            description: 'by id',
            mimeType: 'application/json',
          },
        ],
      };
    case 'resources/read':
      return { contents: [read(String(params.uri))] };
    case 'prompts/list': {
      const extra = world.extra.prompts ? [{ name: 'extra', description: 'there and away' }] : [];
      const listed = Object.entries(prompts).map(([name, prompt]) => ({
        name,
        description: `reference prompt ${name}`,
        ...(prompt.arguments && {
          arguments: prompt.arguments.map((each) => ({ name: each, description: each, required: true })),
        }),
      }));
      return { prompts: [...listed, ...extra] };
    }
    case 'prompts/get': {
      const prompt = Object.hasOwn(prompts, params.name) ? prompts[params.name] : undefined;
      if (!prompt) throw new RpcError(-32602, `Unknown prompt: ${params.name}`);
      const outcome = prompt.run({ ...call, args: params.arguments ?? {} });
      return Array.isArray(outcome) ? { messages: outcome } : outcome;
    }
    case 'completion/complete': {
      const values = ['paris', 'park', 'party'].filter((each) => each.startsWith(params.argument?.value ?? ''));
      return { completion: { values, total: values.length, hasMore: false } };
    }
    default:
      throw new RpcError(-32601, 'Method not found');
  }
}

function read(uri) {
  if (Object.hasOwn(resources, uri)) return { uri, ...resources[uri] };
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (!id) throw new RpcError(-32602, 'Resource not found', { uri });
  const data = { id, templateTest: true, data: `Data for ID: ${id}` };
  return { uri, mimeType: 'application/json', text: JSON.stringify(data) };
}
