// What a caller is answered that has to connect an account of its own to a server first: a page to go to, in the way that
// its client can show one (2025-11-25, client/elicitation: URLElicitationRequiredError; where a client has no sessions,
// the same becomes "input_required" on its way out), or else a tool result that says so.
import { randomUUID } from 'node:crypto';
import type { HubError } from '../../lib/errors';
import type { ClientSide } from '../upstream/types';
import type { Reply } from './http/exchange';
import { whyNotAsk } from './sessions/questions';
import { urlElicitationRequired } from './stateless/results';

/** Null where the error is another, or nothing that the caller can do helps. */
export function connectReply(
  { code, message, extras }: HubError,
  client: Pick<ClientSide, 'capabilities'> | null,
): Reply {
  const url = extras.data?.url;
  if (code !== 'UPSTREAM_NEEDS_AUTH' || typeof url !== 'string') return null;
  if (client && whyNotAsk(client.capabilities, 'elicitation/create', { mode: 'url' }) === null) {
    const elicitation = { mode: 'url', elicitationId: randomUUID(), url, message };
    const error = { code: urlElicitationRequired, message, data: { elicitations: [elicitation] } };
    return { kind: 'error', body: JSON.stringify(error) };
  }
  const result = { content: [{ type: 'text', text: message }], isError: true };
  return { kind: 'result', body: JSON.stringify(result) };
}
