// The reference server of 2026-07-28 on the SDK's v2 packages: `modern.mjs http` prints its URL, `modern.mjs stdio`.
// It knows no sessions; questions to the client are input_required results, and the state between them is signed.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { localhostHostValidation, localhostOriginValidation, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { answer, capabilities, createWorld, inputSchemaOf, missing, RpcError } from './content.mjs';

const declaredKey = 'io.modelcontextprotocol/clientCapabilities';
const kinds = { 'sampling/createMessage': 'sampling', 'elicitation/create': 'elicitation', 'roots/list': 'roots' };
/** Methods whose requests we answer ourselves, since the SDK checks results more narrowly than the protocol demands. */
const answered = ['tools/list', 'tools/call', 'prompts/list', 'prompts/get', 'completion/complete'].concat(
  ['list', 'templates/list', 'read'].map((verb) => `resources/${verb}`),
);
const secret = randomBytes(32);
const macOf = (body) => createHmac('sha256', secret).update(body).digest();

function seal(state) {
  const body = Buffer.from(JSON.stringify(state)).toString('base64url');
  return `${body}.${macOf(body).toString('base64url')}`;
}

function open(sealed) {
  if (sealed === undefined) return undefined;
  const [body = '', mac = ''] = String(sealed).split('.');
  const given = Buffer.from(mac, 'base64url');
  const wanted = macOf(body);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
    throw new RpcError(-32602, 'Invalid or expired requestState', { reason: 'invalid_request_state' });
  }
  return JSON.parse(Buffer.from(body, 'base64url'));
}

/** The SDK checks Mcp-Param headers of tools that it knows; ours are answered below it. */
class ReferenceServer extends McpServer {
  toolInputSchemaJson(name) {
    return inputSchemaOf(name);
  }
}

const world = createWorld((kind, uri) => tell(kind, uri));
let tell = () => {};

function createReference({ requestInfo } = {}) {
  const reference = new ReferenceServer({ name: 'reference-modern', version: '1.0.0' }, { capabilities });
  const { server } = reference;
  for (const method of answered) server.removeRequestHandler(method); // what the SDK would do with tools of its own
  // Over HTTP the SDK answers 404 for methods that nobody handles; the header is known to equal the body here.
  if (requestInfo && !answered.includes(requestInfo.headers.get('mcp-method'))) return reference;
  server.fallbackRequestHandler = async (request, { mcpReq, http }) => {
    const declared = mcpReq.envelope?.[declaredKey] ?? {};
    const declares = (kind) => declared[kind] !== undefined;
    const token = mcpReq._meta?.progressToken;
    const outcome = await answer(request.method, {
      params: request.params ?? {},
      meta: mcpReq._meta,
      headers: Object.fromEntries(http?.req?.headers ?? []),
      answers: mcpReq.inputResponses ?? {},
      state: open(mcpReq.requestState()),
      signal: mcpReq.signal,
      declares,
      progress: async (params) => {
        if (token !== undefined)
          await mcpReq.notify({ method: 'notifications/progress', params: { progressToken: token, ...params } });
      },
      log: (level, data) => mcpReq.log(level, data, 'reference'),
      world,
    });
    if (!outcome?.ask) return outcome;
    for (const { method } of Object.values(outcome.ask)) if (!declares(kinds[method])) throw missing(kinds[method]);
    return {
      resultType: 'input_required',
      inputRequests: outcome.ask,
      ...(outcome.state && { requestState: seal(outcome.state) }),
    };
  };
  return reference;
}

const mode = process.argv[2] ?? 'http';
if (mode === 'stdio') {
  const opened = new Set();
  tell = (kind, uri) => {
    for (const { server } of opened) {
      if (kind === 'tools') void server.sendToolListChanged();
      else if (kind === 'prompts') void server.sendPromptListChanged();
      else void server.sendResourceUpdated({ uri });
    }
  };
  serveStdio(
    () => {
      const reference = createReference();
      opened.add(reference);
      return reference;
    },
    { legacy: 'reject' },
  );
} else {
  const handler = createMcpHandler(createReference, { legacy: 'reject' });
  const serve = toNodeHandler(handler);
  tell = (kind, uri) => {
    if (kind === 'tools') handler.notify.toolsChanged();
    else if (kind === 'prompts') handler.notify.promptsChanged();
    else handler.notify.resourceUpdated(uri);
  };
  const allowsHost = localhostHostValidation();
  const allowsOrigin = localhostOriginValidation();
  const listener = createServer((request, response) => {
    if (allowsHost(request, response) && allowsOrigin(request, response)) void serve(request, response);
  });
  listener.listen(Number(process.argv[3] ?? 0), '127.0.0.1', () => {
    process.stdout.write(`http://127.0.0.1:${listener.address().port}/mcp\n`);
  });
}
