// Fetches a document from its address, with the guards of every outbound request.
import { HubError } from '../../../lib/errors';
import { documentMaxBytes } from '../../../lib/openapi/schema';
import type { Egress } from '../egress';
import { checkedUrl } from '../http';
import { createHttpClient } from './client';

const fetchMs = 30_000;

/** @throws HubError INVALID_INPUT with a sentence for people, or as HttpClient.request does */
export async function fetchDocument(address: string, egress: Egress, userAgent: string): Promise<string> {
  const url = checkedUrl(address, egress);
  const client = createHttpClient({ server: url.host, egress });
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(unusable(`${url.host} did not answer in ${fetchMs / 1000} s.`)), fetchMs);
  try {
    const { status, body, refusedRedirect } = await client.request(url, {
      method: 'GET',
      path: url.pathname + url.search,
      headers: { accept: 'application/json, application/yaml, text/yaml, */*;q=0.5', 'user-agent': userAgent },
      maxBytes: documentMaxBytes,
      signal: late.signal,
    });
    if (refusedRedirect !== null) throw unusable(`${address} leads to ${refusedRedirect}: give that address instead.`);
    if (status !== 200) throw unusable(`${address} answered HTTP ${status} instead of a document.`);
    return body.toString('utf8').replace(/^\ufeff/, '');
  } finally {
    clearTimeout(timer);
    await client.close();
  }
}

function unusable(message: string): HubError {
  return new HubError('INVALID_INPUT', message, { reason: 'document-refused' });
}
