// The era without sessions on an MCP endpoint: revision 2026-07-28 over HTTP (basic/transports/streamable-http). Each
// POST is judged, run and answered for itself.
import type { Actor } from '../../lib/access/schema';
import { asHubError, errorTable, HubError } from '../../lib/errors';
import { errorReply, progressTokenOf } from './call';
import type { Endpoint } from './endpoints';
import { serverInfoOf } from './endpoints';
import { dropEnvelope, type Envelope, isModern, modernVersions, readEnvelope, serverInfoKey } from './envelope';
import { Exchange, type Reply } from './exchange';
import { checkParamHeaders } from './headers';
import type { Message, RequestId } from './json';
import type { Methods } from './methods';
import { ModernCall, type Outcome } from './modern-call';
import { completed, completeMember, listHints, modernError, typedResult, withMembers } from './results';
import type { View } from './view';
import { refuse, retryAfterSeconds, type Visit } from './visit';

/** What a request without a session may ask for, by the way in which its answer is completed. */
const served = new Map<string, 'list' | 'read' | 'plain'>([
  ['tools/list', 'list'],
  ['resources/list', 'list'],
  ['resources/templates/list', 'list'],
  ['prompts/list', 'list'],
  ['resources/read', 'read'],
  ['tools/call', 'plain'],
  ['prompts/get', 'plain'],
  ['completion/complete', 'plain'],
]);

export interface ModernDeps {
  methods: Methods;
  viewOf(actor: Actor, endpoint: Endpoint): View;
  version: string;
  report(error: unknown, requestId: string): void;
}

export function createModern({ methods, viewOf, version, report }: ModernDeps) {
  const discoveries = new WeakMap<View, Buffer>();
  /** Pages of lists, completed; by the page, which lives as long as its view. */
  const pages = new WeakMap<Buffer, Buffer>();

  /** Takes one message of this era. Never throws. */
  async function post(visit: Visit, message: Message, bodyBytes: number): Promise<void> {
    const { request, response, requestId, actor, endpoint } = visit;
    const { id, method, params } = message;
    let envelope: Envelope;
    let view: View;
    try {
      if (method === undefined) {
        throw new HubError('INVALID_REQUEST', 'Answers are not sent in this revision: retry with "inputResponses".');
      }
      // The only notification of this revision is for stdio; here a closed stream says the same.
      if (id === undefined) return new Exchange(response, requestId).accepted();
      envelope = readEnvelope(request.headers, message);
      if (method !== 'server/discover' && !served.has(method)) {
        throw new HubError('METHOD_NOT_FOUND', `The method ${JSON.stringify(method.slice(0, 128))} is not known.`);
      }
      view = viewOf(actor, endpoint);
      if (method === 'tools/call') checkToolHeaders(visit, view, params);
    } catch (error) {
      return refuse(request, response, error, requestId, id ?? null);
    }
    const exchange = new Exchange(response, requestId);
    if (method === 'server/discover') return exchange.answer(id, { kind: 'result', body: discovery(view) });
    await run(visit, envelope, view, exchange, method, id, params, bodyBytes);
  }

  function checkToolHeaders({ request }: Visit, view: View, params: Record<string, unknown> | undefined): void {
    const tool = typeof params?.name === 'string' ? view.tool(params.name) : undefined;
    if (tool) checkParamHeaders(request.headers, tool.definition, params?.arguments);
  }

  async function run(
    { response, requestId, actor }: Visit,
    { capabilities, clientName, logLevel }: Envelope,
    view: View,
    exchange: Exchange,
    method: string,
    id: RequestId,
    params: Record<string, unknown> | undefined,
    bodyBytes: number,
  ): Promise<void> {
    const call = new ModernCall(method, capabilities, logLevel, () => undefined);
    call.attach(exchange, response, id, progressTokenOf(params));
    dropEnvelope(params);
    try {
      const request = {
        id,
        params,
        session: null,
        client: call,
        clientName,
        actor,
        view,
        exchange: call,
        requestId,
        bodyBytes,
      };
      const reply = methods.get(method)?.(request) ?? null;
      call.finish(outcomeOf(method, view, reply instanceof Promise ? await reply : reply));
    } catch (error) {
      call.finish(failure(error, method, requestId));
    }
  }

  function outcomeOf(method: string, view: View, reply: Reply): Outcome {
    if (!reply) return { reply, status: 200 };
    if (reply.kind === 'error') {
      const { status, body } = modernError(reply.body);
      return { reply: { kind: 'error', body }, status };
    }
    const kind = served.get(method);
    if (kind === 'list') return { reply: { kind: 'result', body: pageOf(view, reply.body as Buffer) }, status: 200 };
    const typed = typedResult(reply.body);
    return { reply: { kind: 'result', body: completed(reply.body, typed, kind === 'read', false) }, status: 200 };
  }

  function failure(thrown: unknown, method: string, requestId: string): Outcome {
    const error = asHubError(thrown);
    if (error.code === 'CANCELLED') return { reply: null, status: 200 };
    if (error.code === 'INTERNAL') report(thrown, requestId);
    const { status, rpc } = errorTable[error.code];
    const reply = errorReply(error, method, requestId);
    // What was found after the message had been accepted is a JSON-RPC matter, but for what HTTP must know too.
    if (status === 429) return { reply, status, retryAfterSeconds: retryAfterSeconds(error) };
    return { reply, status: rpc === -32601 || rpc === -32021 || rpc === -32020 ? status : 200 };
  }

  function pageOf(view: View, page: Buffer): Buffer {
    const known = pages.get(page);
    if (known) return known;
    const members = `${completeMember},${listHints},"_meta":${identityOf(view.endpoint)}`;
    const body = Buffer.from(withMembers(page, members));
    pages.set(page, body);
    return body;
  }

  function identityOf(endpoint: Endpoint): string {
    return JSON.stringify({ [serverInfoKey]: serverInfoOf(endpoint, version) });
  }

  /** The result of server/discover (server/discover). */
  function discovery(view: View): Buffer {
    const known = discoveries.get(view);
    if (known) return known;
    const { capabilities, instructions } = view.about();
    const result = JSON.stringify({
      supportedVersions: modernVersions,
      capabilities,
      ...(instructions && { instructions }),
      _meta: { [serverInfoKey]: serverInfoOf(view.endpoint, version) },
    });
    const body = Buffer.from(withMembers(result, `${completeMember},${listHints}`));
    discoveries.set(view, body);
    return body;
  }

  return { accepts: isModern, post };
}

export type Modern = ReturnType<typeof createModern>;
