// The questions that a server may put to a client without sessions: which ones the client takes, and how they look in
// "input_required" (revision 2026-07-28, basic/patterns/mrtr and client/*).
import { isObject } from './envelope';

/** The only requests that may be answered with "input_required" (basic/patterns/mrtr, "Supported Requests"). */
export const inputMethods = new Set(['tools/call', 'prompts/get', 'resources/read']);

/** What a client must have declared to be asked this; null for what no client can be asked. */
export function neededCapability(method: string, params: unknown): Record<string, Record<string, unknown>> | null {
  const { mode, tools, toolChoice } = (isObject(params) ? params : {}) as Record<string, unknown>;
  switch (method) {
    case 'roots/list':
      return { roots: {} };
    case 'sampling/createMessage':
      return { sampling: tools === undefined && toolChoice === undefined ? {} : { tools: {} } };
    case 'elicitation/create':
      return { elicitation: mode === 'url' ? { url: {} } : { form: {} } };
    default:
      return null;
  }
}

/** A server's request as an entry of `inputRequests`: without what only a session could use. */
export function toInputRequest(method: string, params: Record<string, unknown> | undefined): Record<string, unknown> {
  if (!params) return { method };
  const { elicitationId: _elicitationId, task: _task, _meta, ...rest } = params;
  if (!isObject(_meta)) return { method, params: rest };
  const { progressToken: _progressToken, ...meta } = _meta;
  return { method, params: Object.keys(meta).length > 0 ? { ...rest, _meta: meta } : rest };
}
