// Calls to a modern server over HTTP: which arguments of its tools go into headers is learned from its lists, and a call
// that the server refuses for its headers is made once more with what the server lists now.
import { asHubError, HubError } from '../../lib/errors';
import type { Connection } from './connection';
import { type HeaderParam, readHeaderParams } from './header-params';
import { headersOf } from './modern';
import type { Call, CallOptions, UpstreamAnswer } from './types';

/** HeaderMismatch (schema, 2026-07-28). */
const headerMismatchCode = -32020;
/** How servers of the session era refuse a request that belongs to no session: SDKs of theirs have no common code. */
const strangerCodes = new Set([-32000, -32600]);
const strangerStatuses = new Set(['http-400', 'http-404', 'http-405']);
const listMs = 10_000;
const maxPages = 100;

type Params = Record<string, unknown>;

export interface ModernCalls {
  call(method: string, params: Params | undefined, options: CallOptions): Call;
  /** Headers of a request, flat. */
  mirror(method: string, params: Params | undefined): string[];
  faultOfTool(tool: Params): string | null;
}

/**
 * @param changed the list of tools is no longer the one that was read
 * @param isStillModern asks the server; resolves with false when it has been replaced by one of the session era
 */
export function createModernCalls(
  connection: Connection,
  changed: () => void,
  isStillModern: () => Promise<boolean>,
): ModernCalls {
  /** By the name of a tool; only those that have any. */
  const headerParams = new Map<string, HeaderParam[]>();
  let listing: Promise<void> | null = null;
  let checking: Promise<boolean> | null = null;

  function learn({ kind, value }: UpstreamAnswer): void {
    const { tools } = value as { tools?: unknown };
    if (kind !== 'result' || !Array.isArray(tools)) return;
    for (const tool of tools as ({ name?: unknown; inputSchema?: unknown } | null)[]) {
      if (typeof tool?.name !== 'string') continue;
      const read = readHeaderParams(tool.inputSchema);
      if ('params' in read && read.params.length > 0) headerParams.set(tool.name, read.params);
      else headerParams.delete(tool.name);
    }
  }

  function listAgain(): Promise<void> {
    listing ??= readPages().finally(() => {
      listing = null;
    });
    return listing;
  }

  async function readPages(): Promise<void> {
    const seen = new Set<unknown>();
    let cursor: unknown;
    for (let page = 0; page < maxPages; page += 1) {
      const params = cursor === undefined ? undefined : { cursor };
      const answer = await connection.call('tools/list', params, { timeoutMs: listMs }).answer;
      learn(answer);
      cursor = (answer.value as Params).nextCursor;
      if (answer.kind === 'error' || typeof cursor !== 'string' || seen.has(cursor)) return;
      seen.add(cursor);
    }
  }

  /** @throws HubError when the server refused the call only because it is another one by now */
  async function checkEra(): Promise<void> {
    checking ??= isStillModern().finally(() => {
      checking = null;
    });
    if (await checking) return;
    throw new HubError('INTERRUPTED', 'The server has been replaced by one of an earlier revision.', {
      reason: 'ended',
      retryable: true,
    });
  }

  function callTool(params: Params | undefined, options: CallOptions): Call {
    let current = connection.call('tools/call', params, options);
    let cancelled: string | null = null;
    const answer = current.answer.then(
      async (first) => {
        if (first.kind === 'result') return first;
        const { code } = first.value as { code: number };
        if (strangerCodes.has(code)) await checkEra();
        if (code !== headerMismatchCode) return first;
        await listAgain().catch(() => {});
        changed();
        // The first one was refused before it ran, so it may be sent again.
        current = connection.call('tools/call', params, options);
        if (cancelled !== null) current.cancel(cancelled);
        return current.answer;
      },
      async (error) => {
        if (strangerStatuses.has(asHubError(error).extras.reason ?? '')) await checkEra();
        throw error;
      },
    );
    return {
      answer,
      cancel(reason) {
        cancelled = reason;
        current.cancel(reason);
      },
    };
  }

  return {
    call(method, params, options) {
      if (method === 'tools/call') return callTool(params, options);
      const call = connection.call(method, params, options);
      if (method === 'tools/list') call.answer.then(learn, () => {});
      return call;
    },
    mirror(method, params) {
      const name = method === 'tools/call' ? params?.name : undefined;
      return headersOf(method, params, typeof name === 'string' ? headerParams.get(name) : undefined);
    },
    faultOfTool(tool) {
      const read = readHeaderParams(tool.inputSchema);
      return 'fault' in read ? read.fault : null;
    },
  };
}
