// tools/call on a smart endpoint: the search among its tools, their definitions, and the call of one of them, which takes
// the very path of a direct call from the name on.
import { can } from '../../../lib/access/can';
import type { Actor } from '../../../lib/access/schema';
import { HubError, isHubError } from '../../../lib/errors';
import type { SearchCost } from '../../../lib/quality';
import type { ToolSearchAnswer } from '../../../lib/routing/schema';
import { tokensOfText } from '../../../lib/routing/tokens';
import type { Definition } from '../../../lib/servers/catalog';
import { plannedArguments } from '../../../lib/servers/curation/curate';
import { createArgumentCheck } from '../../argument-check';
import type { Question } from '../../search';
import { type CallRecord, type Calls, errorReply } from '../call';
import type { Item, View } from '../catalog/view';
import type { Reply } from '../http/exchange';
import { pathOf } from '../http/request';
import type { RpcRequest } from '../rpc-request';
import type { Session } from '../sessions/sessions';
import { isMetaTool, type MetaTool, metaArguments, type SearchResult } from './meta-tools';
import { signatureOf } from './signature';
import { SmartView } from './smart-view';

export interface SmartDeps {
  calls: Pick<Calls, 'callTool'>;
  /** @throws HubError LIMIT_EXCEEDED for a caller who searches all the time */
  admitSearch(actor: Actor): void;
  search(request: RpcRequest, question: Question): Promise<ToolSearchAnswer>;
  record(entry: CallRecord): void;
  /** A model is given something to read. */
  spend(cost: SearchCost): void;
}

/** Of a hit; the whole text is what describe_tool is for. */
const shortChars = 240;

export function createSmart({ calls, admitSearch, search, record, spend }: SmartDeps) {
  /** Digest of the list that each session was given. */
  const shownTo = new WeakMap<Session, string>();

  /** @throws HubError BUSY, LIMIT_EXCEEDED, UNAVAILABLE, CANCELLED; what a model can mend is an answer */
  async function callTool(request: RpcRequest): Promise<NonNullable<Reply>> {
    const { params, view } = request;
    const name = params?.name;
    if (!isMetaTool(name)) {
      if (typeof name === 'string' && view.isListed(name)) return calls.callTool(request);
      note(request, null, performance.now(), 'denied');
      return errorReply(notListed(name), 'tools/call', request.requestId);
    }
    const parsed = metaArguments[name].safeParse(params?.arguments ?? {});
    if (!parsed.success) {
      const faults = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'arguments'}: ${message}`);
      return failure(`The arguments of ${name} do not fit. ${faults.join('; ')}`);
    }
    if (name === 'call_tool') return callFound(request, parsed.data as Arguments<'call_tool'>);
    const startedAtMs = performance.now();
    let outcome = 'ok';
    try {
      if (name === 'describe_tool') return tellDefinitions(request, parsed.data as Arguments<'describe_tool'>);
      return await searchTools(request, parsed.data as Arguments<'search_tools'>);
    } catch (error) {
      outcome = isHubError(error) && error.code === 'LIMIT_EXCEEDED' ? 'limited' : 'unavailable';
      throw error;
    } finally {
      note(request, name, startedAtMs, outcome);
    }
  }

  async function searchTools(request: RpcRequest, question: Arguments<'search_tools'>): Promise<NonNullable<Reply>> {
    const { actor, view } = request;
    admitSearch(actor);
    const { hits, mode } = await search(request, question);
    const result: SearchResult = {
      hits: hits.map(({ id, description, score }) => ({
        id,
        signature: signatureOf(id, view.tools.get(id)?.definition ?? {}),
        description: shortened(description),
        score,
      })),
      mode,
    };
    const text = JSON.stringify(result);
    spendText('search', view, text);
    return answer(text, { structuredContent: result });
  }

  function tellDefinitions({ actor, view }: RpcRequest, { ids }: Arguments<'describe_tool'>): NonNullable<Reply> {
    const found: Definition[] = [];
    for (const id of ids) {
      const item = view.tools.get(id);
      if (!item || !can(actor, 'call', item.resource)) return failure(unknown(id));
      found.push(described(id, item));
    }
    const text = JSON.stringify(found);
    spendText('describe', view, text);
    return answer(text);
  }

  async function callFound(
    request: RpcRequest,
    { id, arguments: args }: Arguments<'call_tool'>,
  ): Promise<NonNullable<Reply>> {
    const { actor, view, params } = request;
    const item = view.tool(id);
    // The call itself asks again, refuses it alike, and is recorded.
    const isCallable = item !== undefined && can(actor, 'call', item.resource);
    const faults = isCallable ? faultsOf(item, args) : null;
    if (faults)
      return failure(`${faults.join(' ')} The schema of ${id}: ${JSON.stringify(item?.definition.inputSchema)}`);
    const reply = await calls.callTool({ ...request, params: { ...params, name: id, arguments: args } });
    return isCallable || reply.kind === 'result' ? reply : failure(unknown(id));
  }

  function note(
    { actor, view, params, requestId, clientName, bodyBytes }: RpcRequest,
    tool: MetaTool | null,
    startedAtMs: number,
    outcome: string,
  ): void {
    record({
      at: new Date(),
      requestId,
      userId: actor.userId,
      keyId: actor.kind === 'key' ? actor.id : null,
      actor: actor.name,
      client: clientName,
      endpoint: pathOf(view.endpoint.key),
      serverId: null,
      server: null,
      tool,
      shownTool: null,
      outcome,
      errorCode: null,
      errorMessage: null,
      durationMs: performance.now() - startedAtMs,
      requestBytes: bodyBytes,
      responseBytes: 0,
      arguments: tool
        ? params?.arguments
        : { name: String(params?.name ?? '').slice(0, 128), arguments: params?.arguments },
    });
  }

  function spendText(kind: SearchCost['kind'], { endpoint }: View, text: string): void {
    spend({ kind, endpoint: pathOf(endpoint.key), shownTokens: tokensOfText(text), fullTokens: 0 });
  }

  return {
    callTool,
    /** A list of tools goes out. A session that asks again for what it has does not show it to its model once more. */
    listed({ view, origin: { session } }: RpcRequest): void {
      const tokens = view instanceof SmartView ? view.tokens() : null;
      if (!tokens) return;
      const digest = view.digest('tools');
      if (session && shownTo.get(session) === digest) return;
      if (session) shownTo.set(session, digest);
      spend({ kind: 'list', endpoint: pathOf(view.endpoint.key), ...tokens });
    },
  };
}

type Arguments<N extends MetaTool> = ReturnType<(typeof metaArguments)[N]['parse']>;

const checks = new WeakMap<Definition, ReturnType<typeof createArgumentCheck> | null>();

/** Sentences, or null where the arguments fit, or where the schema cannot be understood: then its server decides. */
function faultsOf({ own, plan }: Item, args: Record<string, unknown>): string[] | null {
  let check = checks.get(own);
  if (check === undefined) {
    try {
      check = createArgumentCheck(own.inputSchema as Parameters<typeof createArgumentCheck>[0]);
    } catch {
      check = null;
    }
    checks.set(own, check);
  }
  try {
    // What is filled in for the caller counts too.
    return check?.(plan ? plannedArguments(plan, args) : args) ?? null;
  } catch {
    return null;
  }
}

function notListed(name: unknown): HubError {
  if (typeof name !== 'string') return new HubError('INVALID_INPUT', 'tools/call needs the "name" of a tool.');
  const shown = JSON.stringify(name.slice(0, 128));
  return new HubError(
    'NOT_FOUND',
    `There is no tool ${shown} on the list: find it with search_tools, run it with call_tool.`,
  );
}

function described(id: string, { server, definition }: Item): Definition {
  const { name: _name, icons: _icons, _meta, ...rest } = definition;
  return { id, server: server.name, ...rest };
}

function shortened(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= shortChars ? line : `${line.slice(0, shortChars - 1)}…`;
}

function unknown(id: string): string {
  return `There is no tool ${JSON.stringify(id)} here: look for one with search_tools.`;
}

function answer(text: string, more: object = {}): NonNullable<Reply> {
  return { kind: 'result', body: JSON.stringify({ content: [{ type: 'text', text }], ...more }) };
}

function failure(text: string): NonNullable<Reply> {
  return answer(text, { isError: true });
}

export type Smart = ReturnType<typeof createSmart>;
