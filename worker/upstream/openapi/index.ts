// A server made of an OpenAPI document: its operations are tools, a call is one HTTP request. There is no connection to
// lose: it is open as soon as the document can be read and the address be used, and each call finds out for itself.
import { asHubError, HubError } from '../../../lib/errors';
import type { OpenApiSettings } from '../../../lib/openapi/schema';
import { everyTick } from '../deadlines';
import type { Egress } from '../egress';
import { protocolVersions } from '../handshake';
import { checkedUrl } from '../http';
import { maxMessageBytes } from '../transport';
import type { Call, CallOptions, CloseReason, DocumentStore, Upstream, UpstreamAnswer, UpstreamTarget } from '../types';
import { absoluteServer } from './address';
import { createApi } from './api';
import { untilAborted } from './credentials';
import { fetchDocument } from './fetch';
import type { DocumentPlan } from './model';
import { readPlan } from './reader';
import { chooser } from './selection';

export { readDocument } from './reading';

/** No call lasts longer, however slowly its answer goes on. */
const hardEndMs = 600_000;
/** As many as the lists of a server are read at once. */
const pageSize = 1_000;
const instructionsChars = 4_000;

export interface OpenApiOptions {
  target: UpstreamTarget;
  settings: OpenApiSettings;
  egress: Egress;
  documents: DocumentStore;
  userAgent: string;
  signal: AbortSignal;
  closed(reason: CloseReason): void;
}

/** @throws HubError when the document or its address cannot be used: the message says what to do */
export async function openOpenApi(options: OpenApiOptions): Promise<Upstream> {
  const { target, settings, egress, signal } = options;
  const plan = await untilAborted(loadPlan(options), signal);
  const base = checkedUrl(baseUrlOf(settings, plan), egress);
  const operations = plan.operations.filter(chooser(settings));
  const api = createApi({ ...options, plan, operations, base, maxBytes: maxMessageBytes });
  const tools = operations.map(({ tool }) => tool);
  const runs = new Set<Run>();
  let ended: HubError | null = null;

  const stopTicking = everyTick((now) => {
    for (const run of runs) {
      const { timeoutMs } = run.options;
      if (now - run.heardAt < timeoutMs && now - run.startedAt < hardEndMs) continue;
      const text = `The API of "${target.name}" sent nothing for ${timeoutMs} ms.`;
      run.abort.abort(
        new HubError('UPSTREAM_TIMEOUT', text, { server: target.name, reason: 'timeout', retryable: true }),
      );
    }
  });

  function call(method: string, params: Record<string, unknown> | undefined, options: CallOptions): Call {
    const now = performance.now();
    const run: Run = { abort: new AbortController(), heardAt: now, startedAt: now, options };
    if (ended) run.abort.abort(ended);
    runs.add(run);
    const answer = untilAborted(perform(method, params, run), run.abort.signal).finally(() => runs.delete(run));
    answer.catch(() => {});
    return {
      answer,
      cancel: () => run.abort.abort(new HubError('CANCELLED', undefined, { server: target.name, reason: 'cancelled' })),
    };
  }

  async function perform(
    method: string,
    params: Record<string, unknown> | undefined,
    run: Run,
  ): Promise<UpstreamAnswer> {
    if (method === 'ping') {
      await api.reach(run.abort.signal);
      return result({});
    }
    if (method === 'tools/list') return result(page(params?.cursor));
    if (method !== 'tools/call') return fault(-32601, `An OpenAPI server has no ${method.slice(0, 100)}.`);
    const operation = api.operation(String(params?.name));
    if (!operation) return fault(-32602, 'There is no such operation.');
    const heard = () => {
      run.heardAt = performance.now();
    };
    const args = (params?.arguments ?? {}) as Record<string, unknown>;
    return result(await api.run(operation, args, { signal: run.abort.signal, heard }));
  }

  function page(cursor: unknown) {
    const from = typeof cursor === 'string' ? Number.parseInt(cursor, 10) || 0 : 0;
    const next = from + pageSize;
    return { tools: tools.slice(from, next), ...(next < tools.length && { nextCursor: String(next) }) };
  }

  return {
    handshake: {
      era: 'legacy',
      protocolVersion: protocolVersions[0],
      serverInfo: { name: plan.title, version: plan.version },
      capabilities: { tools: {} },
      ...(plan.description && { instructions: plan.description.slice(0, instructionsChars) }),
    },
    get inflight() {
      return runs.size;
    },
    call,
    notify() {},
    async watch(uris) {
      if (uris.length > 0) throw new HubError('METHOD_NOT_FOUND', 'An OpenAPI server has no resources.');
      return [];
    },
    faultOfTool: ({ name }) => api.faultOf(String(name)),
    async close(reason = stopped) {
      if (!ended) {
        ended = new HubError('INTERRUPTED', reason.message, {
          server: target.name,
          reason: reason.reason,
          retryable: true,
        });
        stopTicking();
        for (const run of runs) run.abort.abort(ended);
        options.closed(reason);
      }
      await api.close();
    },
  };
}

const stopped: CloseReason = { reason: 'stopped', message: 'The server was stopped.' };

interface Run {
  abort: AbortController;
  heardAt: number;
  startedAt: number;
  options: CallOptions;
}

function result(value: unknown): UpstreamAnswer {
  return { kind: 'result', value, raw: null };
}

function fault(code: number, message: string): UpstreamAnswer {
  return { kind: 'error', value: { code, message }, raw: null };
}

/** The stored document; one that was never fetched, as of a server that came by a file, is fetched now. */
async function loadPlan({ settings, documents, egress, userAgent }: OpenApiOptions): Promise<DocumentPlan> {
  const stored = await documents.load();
  if (stored !== null) return readPlan(stored);
  if (settings.documentUrl === undefined) {
    throw new HubError('INVALID_INPUT', 'The server has no document: give one, or the address of one.', {
      reason: 'document-refused',
    });
  }
  try {
    const text = await fetchDocument(settings.documentUrl, egress, userAgent);
    const plan = await readPlan(text);
    await documents.save(text);
    return plan;
  } catch (error) {
    const { code, message, extras } = asHubError(error);
    throw new HubError(code, `The document could not be fetched: ${message}`, {
      ...extras,
      reason: 'document-refused',
    });
  }
}

/** @throws HubError INVALID_INPUT */
function baseUrlOf(settings: OpenApiSettings, plan: DocumentPlan): string {
  const address = settings.baseUrl ?? absoluteServer(plan.server, settings.documentUrl);
  if (address !== null) return address;
  throw new HubError('INVALID_INPUT', 'The document names no address of its API: set the base URL.', {
    reason: 'address-refused',
  });
}
