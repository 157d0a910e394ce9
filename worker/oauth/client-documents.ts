// What is fetched on behalf of clients that have a document of their own: that document, of which only what the hub goes by
// is handed on, and the set of their public keys. How it is fetched, and from where, is worker/upstream's.
import { LRUCache } from 'lru-cache';
import { HubError } from '../../lib/errors';
import type { Log } from '../../lib/log';
import { createRate, type Rate } from '../gateway/rate';
import type { FetchDocument } from '../upstream';
import { readClientMetadata } from './client-rules';

const keySetMs = 60_000;

/** The promise rejects as fetchDocument does, for what is neither, and for too many at once. */
export function createDocumentReader(fetchDocument: FetchDocument, log: Log): (address: string) => Promise<Response> {
  /** By address: oidc-provider would ask for them with each assertion. */
  const keySets = new LRUCache<string, string>({ max: 100, ttl: keySetMs });
  const reads = createRate(60, 2);

  return async (address) => {
    const known = keySets.get(address);
    if (known !== undefined) return new Response(known);
    if (!isSeldom(reads)) throw new Error('too much is asked for on behalf of clients');
    const { status, headers, text } = await fetchDocument(new URL(address));
    if (status !== 200) return new Response('', { status, headers });
    const document = JSON.parse(text) as Record<string, unknown> | null;
    // Told apart by what it is, not by who named the address: each is good for its own use alone.
    if (!Array.isArray(document?.keys)) return Response.json(checkedDocument(document, log), { headers });
    const keys = JSON.stringify({ keys: document.keys });
    keySets.set(address, keys);
    return new Response(keys, { headers });
  };
}

/** Whether there is room for one more. */
export function isSeldom(rate: Rate): boolean {
  try {
    rate.take('');
    return true;
  } catch {
    return false;
  }
}

/** What the hub goes by of a client's document; oidc-provider checks id, secrets and keys behind this. */
function checkedDocument(document: Record<string, unknown> | null, log: Log): Record<string, unknown> {
  const read = readClientMetadata(document);
  if ('error' in read) {
    log.info({ client: document?.client_id, why: read.description }, 'the document of a client is not usable');
    throw new HubError('INVALID_INPUT', read.description);
  }
  const { client_id, client_secret, token_endpoint_auth_method: method = 'none' } = document ?? {};
  const { jwks, jwks_uri, token_endpoint_auth_signing_alg } = document ?? {};
  const keys = method === 'private_key_jwt' ? { jwks, jwks_uri, token_endpoint_auth_signing_alg } : {};
  // What is undefined is not there in JSON.
  return { ...read.metadata, client_id, client_secret, token_endpoint_auth_method: method, ...keys };
}
