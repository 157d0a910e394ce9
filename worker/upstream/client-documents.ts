// Fetches the document that a client's id leads to (OAuth Client ID Metadata Documents). Strangers name the address, so
// only public ones are asked, whatever else the hub may reach; a proxy of the settings is used like everywhere.
import type { LookupAddress, LookupAllOptions } from 'node:dns';
import { HubError } from '../../lib/errors';
import { createEgress, type Egress } from './egress';
import { openOriginPool } from './origin-pool';
import type { TlsSettings } from './types';

const documentMaxBytes = 64 * 1024;
const fetchMs = 5_000;

export interface ClientDocumentsOptions {
  /** The guard of the settings: what it refuses is refused here too. */
  egress: Egress;
  env?: Record<string, string | undefined>;
  /** For tests: a guard that lets others through than public addresses. */
  guard?: Egress;
  tls?: TlsSettings;
}

export type FetchDocument = (url: URL) => Promise<{ status: number; headers: Record<string, string>; text: string }>;

/** Redirects are not followed. The promise rejects for an address that is not allowed, a timeout or a larger answer. */
export function createClientDocuments({ egress, env = {}, guard, tls }: ClientDocumentsOptions): FetchDocument {
  const open = guard ?? publicOnly(egress, env);
  return async (url) => {
    if (!guard) egress.checkUrl(url);
    const pool = openOriginPool(url, { egress: open, connections: 1, tls });
    try {
      const { statusCode, headers, body } = await pool.request({
        origin: url.origin,
        method: 'GET',
        path: url.pathname + url.search,
        headers: { accept: 'application/json', 'accept-encoding': 'identity' },
        signal: AbortSignal.timeout(fetchMs),
      });
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of body) {
        size += chunk.length;
        if (size > documentMaxBytes) throw new HubError('UPSTREAM_BAD_ANSWER', 'The document is larger than 64 KiB.');
        chunks.push(chunk);
      }
      const kept = Object.fromEntries(
        ['cache-control', 'expires'].flatMap((name) =>
          typeof headers[name] === 'string' ? [[name, headers[name]]] : [],
        ),
      );
      return { status: statusCode, headers: kept, text: Buffer.concat(chunks).toString('utf8') };
    } finally {
      void pool.destroy().catch(() => {});
    }
  };
}

/** Public addresses, and of those only what the settings allow. */
function publicOnly(egress: Egress, env: Record<string, string | undefined>): Egress {
  function resolve(
    host: string,
    options: LookupAllOptions,
    done: (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => void,
  ): void {
    egress.lookup(host, options, (error, found) => done(error, Array.isArray(found) ? found : []));
  }
  return createEgress('public-only', { env, resolve: resolve as never });
}
