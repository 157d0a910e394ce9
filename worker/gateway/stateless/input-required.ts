// "input_required" towards a client without sessions (revision 2026-07-28, basic/patterns/mrtr): as a modern server
// said it, as the error -32042 of an earlier one (2025-11-25, client/elicitation), or for the open questions of a call.
import { HubError } from '../../../lib/errors';
import type { Reply } from '../http/exchange';
import { whyNotAsk } from '../sessions/questions';
import { isObject } from './envelope';
import { neededCapability, toInputRequest } from './input-requests';
import type { Asking, RequestStates } from './request-state';

/** More than a browser or a proxy would take for an URL is no state either. */
const stateMaxChars = 64 * 1024;

/** @param inputRequests as the member of the result @param meta JSON of the result's `_meta` */
export function inputRequired(inputRequests: Record<string, unknown>, requestState: string, meta: string): Reply {
  const requests = JSON.stringify(inputRequests);
  const state = JSON.stringify(requestState);
  const body = `{"resultType":"input_required","inputRequests":${requests},"requestState":${state},"_meta":${meta}}`;
  return { kind: 'result', body };
}

/**
 * A modern server's own wish for input, with its state sealed; without one where it gave none.
 * @param server id of the server, the only one that the retry may reach
 * @throws HubError MISSING_CLIENT_CAPABILITY, UPSTREAM_BAD_ANSWER
 */
export function relayInputRequired(
  result: Record<string, unknown>,
  asking: Asking,
  capabilities: Record<string, unknown>,
  server: string,
  states: RequestStates,
): Reply {
  const { inputRequests, requestState } = result;
  if (inputRequests === undefined && requestState === undefined) throw badWish('names neither input nor state');
  if (inputRequests !== undefined) checkRequests(inputRequests, capabilities);
  if (requestState === undefined) return { kind: 'result', body: JSON.stringify(result) };
  if (typeof requestState !== 'string') throw badWish('has a state that is no text');
  if (requestState.length > stateMaxChars) throw badWish('has a state that is too large');
  const sealed = states.seal(asking, { kind: 'relayed', server, state: requestState });
  return { kind: 'result', body: JSON.stringify({ ...result, requestState: sealed }) };
}

/** @throws HubError MISSING_CLIENT_CAPABILITY, UPSTREAM_BAD_ANSWER */
export function checkRequests(inputRequests: unknown, capabilities: Record<string, unknown>): void {
  if (!isObject(inputRequests)) throw badWish('has inputRequests that are no object');
  const missing: Record<string, Record<string, unknown>> = {};
  for (const request of Object.values(inputRequests)) {
    const { method, params } = isObject(request) ? request : {};
    const needed = typeof method === 'string' ? neededCapability(method, params) : null;
    if (!needed || (params !== undefined && !isObject(params))) throw badWish('asks for what no client gives');
    if (!whyNotAsk(capabilities, method as string, params)) continue;
    for (const [name, parts] of Object.entries(needed)) missing[name] = { ...missing[name], ...parts };
  }
  if (Object.keys(missing).length > 0) throw missingCapability(missing);
}

function missingCapability(requiredCapabilities: Record<string, unknown>): HubError {
  const names = Object.keys(requiredCapabilities).join(', ');
  const text = `The server needs something of the client that it did not declare: ${names}.`;
  return new HubError('MISSING_CLIENT_CAPABILITY', text, { data: { requiredCapabilities } });
}

function badWish(what: string): HubError {
  return new HubError('UPSTREAM_BAD_ANSWER', `The server's wish for input ${what}.`, { reason: 'bad-answer' });
}

/**
 * The pages that a server's error -32042 wants visited, as questions; the retry makes the call again.
 * @throws HubError MISSING_CLIENT_CAPABILITY, UPSTREAM_BAD_ANSWER
 */
export function urlInputRequests(data: unknown, capabilities: Record<string, unknown>): Record<string, unknown> {
  const elicitations = isObject(data) && Array.isArray(data.elicitations) ? data.elicitations.filter(isObject) : [];
  if (elicitations.length === 0) throw badWish('names no page');
  const requests = elicitations.map((params, index) => {
    const asked = { ...params, mode: 'url' };
    if (whyNotAsk(capabilities, 'elicitation/create', asked)) throw missingCapability({ elicitation: { url: {} } });
    return [`input-${index + 1}`, toInputRequest('elicitation/create', asked)];
  });
  return Object.fromEntries(requests);
}
