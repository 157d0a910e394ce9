// tools/call: from a tool's name to its answer, for MCP clients and for the dashboard alike. Every call leaves one
// record, also one that was refused.
import type { requestLogs } from '../../drizzle/schema';
import { can, missingScope } from '../../lib/access/can';
import type { Actor } from '../../lib/access/schema';
import { asHubError, type ErrorCode, HubError, toRpc } from '../../lib/errors';
import type { Admission, Limiter } from '../../lib/limits';
import { plannedArguments } from '../../lib/servers/curation/curate';
import { withoutQuote } from '../../lib/servers/program-output';
import type { UpstreamAnswer } from '../upstream/types';
import { mapResultUris, mayHoldUris } from './catalog/rewrite';
import type { Item, Target, View } from './catalog/view';
import type { Connecting } from './connect';
import type { Reply } from './http/exchange';
import { pathOf } from './http/request';
import type { OpenSearches } from './open-searches';
import type { Relay } from './relay';
import { progressTokenOf, type RpcRequest } from './rpc-request';
import { type InputRounds, wantsInput } from './sessions/input-rounds';
import type { Tasks } from './tasks/tasks';

export type CallRecord = Omit<typeof requestLogs.$inferInsert, 'id'>;

export interface CallDeps {
  relay: Relay;
  inputs: InputRounds;
  connecting: Pick<Connecting, 'reply'>;
  tasks: Pick<Tasks, 'call'>;
  /** Absent: nothing is limited. */
  limiter?: Pick<Limiter, 'admit'> | undefined;
  /** Searches whose hits may be what is called. */
  searches?: Pick<OpenSearches, 'open' | 'called'> | undefined;
  record(entry: CallRecord): void;
  /** For what is not the caller's or the server's fault. */
  report(error: unknown, requestId: string): void;
}

/** Names that nobody knows may be of any length and are kept for the record only so far. */
const recordedNameChars = 128;

const outcomeOf: Partial<Record<ErrorCode, string>> = {
  UPSTREAM_TIMEOUT: 'timeout',
  BUSY: 'busy',
  LIMIT_EXCEEDED: 'limited',
  CANCELLED: 'cancelled',
  INTERRUPTED: 'interrupted',
  NOT_FOUND: 'denied',
  FORBIDDEN: 'denied',
  INSUFFICIENT_SCOPE: 'denied',
  UPSTREAM_UNAVAILABLE: 'unavailable',
  UPSTREAM_NEEDS_AUTH: 'unavailable',
  UNAVAILABLE: 'unavailable',
};

export function createCalls({ relay, inputs, connecting, tasks, limiter, searches, record, report }: CallDeps) {
  /** @throws HubError BUSY and LIMIT_EXCEEDED when nothing was started, CANCELLED; whatever else goes wrong is an answer */
  async function callTool(call: RpcRequest): Promise<NonNullable<Reply>> {
    const { actor, view, params, origin, requestId } = call;
    const startedAtMs = performance.now();
    const name = params?.name;
    let target: Item | undefined;
    let admission: Admission | null | undefined;
    try {
      target = findTool(actor, view, name);
      checkArguments(params);
      if (searches !== undefined && searches.open > 0) {
        searches.called(actor, origin.session?.id ?? null, target.server.name, target.name);
      }
      const progressToken = progressTokenOf(params);
      const { server, plan } = target;
      let sent = params;
      if (plan) sent = { ...params, name: target.name, arguments: plannedArguments(plan, params?.arguments) };
      else if (name !== target.name) sent = { ...params, name: target.name };
      origin.target = target;
      if (origin.client) origin.client.target = target;
      admission = limiter?.admit(actor.kind === 'key' ? actor.id : null, actor.userId, server, target.name);
      if (admission?.entering) await relay.hold(origin, server, admission.entering);
      const isTask = params?.task !== undefined || target.taskSupport === 'required';
      let answer = isTask
        ? await tasks.call(call, target, sent ?? {})
        : await relay.send(origin, server, 'tools/call', sent, progressToken);
      if (wantsInput(answer)) {
        answer = await inputs.settle(answer, { origin, server, method: 'tools/call', params: sent, progressToken });
      }
      const reply = replyOf(answer, view, target);
      if (!origin.exchange?.isInterim?.(answer)) {
        recordEnd(call, target, startedAtMs, outcomeOfAnswer(answer), Buffer.byteLength(reply.body), answer);
      }
      return reply;
    } catch (thrown) {
      const error = asHubError(thrown);
      if (error.code === 'INTERNAL') report(thrown, requestId);
      const outcome = outcomeOf[error.code] ?? 'rpc_error';
      const isAnswered = error.code !== 'CANCELLED';
      const reply = isAnswered
        ? (connecting.reply(error, origin, true) ?? errorReply(error, 'tools/call', requestId))
        : null;
      recordEnd(call, target, startedAtMs, outcome, reply ? Buffer.byteLength(reply.body) : 0, error);
      // HTTP says "come back later" too, for clients and proxies that know how to wait.
      if (!reply || error.code === 'BUSY' || error.code === 'LIMIT_EXCEEDED') throw error;
      return reply;
    } finally {
      admission?.release();
    }
  }

  function recordEnd(
    { actor, view, params, requestId, clientName, bodyBytes }: RpcRequest,
    target: Item | undefined,
    startedAtMs: number,
    outcome: string,
    responseBytes: number,
    end: UpstreamAnswer | HubError,
  ): void {
    const fault = faultOf(end);
    const args = params?.arguments;
    // Every field is written out: an object that begins with a spread costs several times as much to make.
    record({
      at: new Date(),
      requestId,
      userId: actor.userId,
      keyId: actor.kind === 'key' ? actor.id : null,
      actor: actor.name,
      client: clientName,
      endpoint: pathOf(view.endpoint.key),
      serverId: target?.server.id ?? null,
      server: target?.server.name ?? null,
      tool: target?.name ?? null,
      shownTool: target && target.definition.name !== target.name ? String(target.definition.name) : null,
      outcome,
      errorCode: fault?.code ?? null,
      errorMessage: fault?.message ?? null,
      durationMs: performance.now() - startedAtMs,
      requestBytes: bodyBytes,
      responseBytes,
      // What was asked for is worth knowing when it was found nowhere.
      arguments: target ? args : { name: String(params?.name ?? '').slice(0, recordedNameChars), arguments: args },
    });
  }

  return { callTool };
}

/** @throws HubError NOT_FOUND, alike for what does not exist and for what is not the caller's; INSUFFICIENT_SCOPE */
function findTool(actor: Actor, view: View, name: unknown): Item {
  if (typeof name !== 'string') throw new HubError('INVALID_INPUT', 'tools/call needs the "name" of a tool.');
  const target = view.tool(name);
  if (target && can(actor, 'call', target.resource)) {
    // Refused before, where HTTP could say so; whatever leads here another way is refused too.
    if (actor.token && missingScope(actor, target.resource)) throw new HubError('INSUFFICIENT_SCOPE');
    return target;
  }
  const shown = JSON.stringify(name.slice(0, recordedNameChars));
  throw new HubError('NOT_FOUND', `There is no tool ${shown} here: see tools/list.`);
}

function checkArguments(params: Record<string, unknown> | undefined): void {
  const args = params?.arguments;
  if (args === undefined || (typeof args === 'object' && args !== null && !Array.isArray(args))) return;
  throw new HubError('INVALID_INPUT', '"arguments" must be an object.');
}

/** The answer of a server as it goes to the client: its own bytes, unless a URI in it leads elsewhere here. */
export function replyOf({ kind, value, raw }: UpstreamAnswer, view: View, { server }: Target): NonNullable<Reply> {
  if (kind === 'result' && view.mapsUris() && mayHoldUris(raw)) {
    return { kind, body: JSON.stringify(mapResultUris(value, (uri) => view.uriOut(server, uri))) };
  }
  return { kind, body: raw ?? JSON.stringify(value) };
}

/** An error of the hub as a reply. */
export function errorReply(error: unknown, method: string, requestId: string): NonNullable<Reply> {
  const outcome = toRpc(error, method, requestId);
  if ('error' in outcome) return { kind: 'error', body: JSON.stringify(outcome.error) };
  return { kind: 'result', body: JSON.stringify(outcome.result) };
}

function outcomeOfAnswer({ kind, value }: UpstreamAnswer): string {
  if (kind === 'error') return 'rpc_error';
  return (value as { isError?: unknown } | null)?.isError === true ? 'tool_error' : 'ok';
}

/** Code and text for the record. */
function faultOf(end: UpstreamAnswer | HubError): { code: number | null; message: string | null } | null {
  if ('extras' in end) {
    const outcome = toRpc(end, '');
    // Records of calls are read by others than the log of the server.
    return 'error' in outcome ? { code: outcome.error.code, message: withoutQuote(end.message) } : null;
  }
  if (end.kind === 'error') {
    const { code, message } = (end.value ?? {}) as { code?: unknown; message?: unknown };
    return { code: Number.isSafeInteger(code) ? (code as number) : null, message: text(message) };
  }
  const result = (end.value ?? {}) as { isError?: unknown; content?: unknown };
  if (result.isError !== true) return null;
  const first = Array.isArray(result.content) ? (result.content[0] as { text?: unknown } | undefined) : undefined;
  return { code: null, message: text(first?.text) };
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value.slice(0, 500) : null;
}

export type Calls = ReturnType<typeof createCalls>;
