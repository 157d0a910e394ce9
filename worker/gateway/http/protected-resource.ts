// The hub as a protected resource of OAuth: the documents by which a client without a credential finds out where to get one
// (RFC 9728), and the challenge that leads to them (RFC 6750, 3). They are alike for endpoints that exist and those that
// do not, and anybody may read them. There are no CORS headers: pages of other origins are not served at MCP endpoints
// either.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { endpointOfPath, endpointOfSsePath, mcpPath } from '../../../lib/access/endpoints';
import { type TokenScope, tokenScopes } from '../../../lib/access/schema';
import { ignoreErrors } from './exchange';

export const metadataPath = '/.well-known/oauth-protected-resource';
/** The documents change with the settings alone. */
const keptSeconds = 3600;

export interface ProtectedResource {
  /** Answers a request below `metadataPath`. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  /**
   * The WWW-Authenticate header for a request that was refused.
   * @param url its target; @param fault what is wrong with the token that it has, null where it has none
   */
  challenge(url: string, fault: 'invalid_token' | 'insufficient_scope' | null, scope?: TokenScope): string;
}

/**
 * @param publicUrl without a slash at its end; it may have a path, which the proxy in front of the hub takes away
 * @param issuer of the tokens
 */
export function createProtectedResource(publicUrl: string, issuer: string): ProtectedResource {
  const { pathname } = new URL(publicUrl);
  const prefix = pathname === '/' ? '' : pathname.replace(/\/$/, '');

  /** The endpoint that a document is about; null for none. Where a proxy takes no path away, ours stands in it. */
  function subjectOf(path: string): string | null {
    const inserted = path.slice(metadataPath.length);
    for (const subject of [inserted, ...(inserted.startsWith(prefix) ? [inserted.slice(prefix.length)] : [])]) {
      if (subject === '') return mcpPath;
      if (endpointOfPath(subject) !== null || endpointOfSsePath(subject) !== null) return subject;
    }
    return null;
  }

  return {
    handle({ url = '', method }, response) {
      response.on('error', ignoreErrors);
      const subject = subjectOf(url.split('?', 1)[0] ?? '');
      if (method !== 'GET' && method !== 'HEAD') {
        response.writeHead(405, { allow: 'GET, HEAD' }).end();
        return;
      }
      if (subject === null) {
        response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('There is nothing here.\n');
        return;
      }
      response.writeHead(200, {
        'content-type': 'application/json',
        'cache-control': `public, max-age=${keptSeconds}`,
      });
      const document = {
        // As the client wrote it, case and all: it compares the two (RFC 9728, 3.3).
        resource: publicUrl + subject,
        authorization_servers: [issuer],
        scopes_supported: tokenScopes,
        bearer_methods_supported: ['header'],
        resource_name: 'MCPHub',
      };
      response.end(JSON.stringify(document));
    },

    challenge(url, fault, scope = 'mcp:call') {
      const path = url.split('?', 1)[0] ?? '';
      const isEndpoint = endpointOfPath(path) !== null || endpointOfSsePath(path) !== null;
      // Below the public URL itself: what stands at the root of its host may belong to others.
      const metadata = `${publicUrl}${metadataPath}${isEndpoint ? path : ''}`;
      const error = fault ? `error="${fault}", ` : '';
      return `Bearer ${error}resource_metadata="${metadata}", scope="${scope}"`;
    },
  };
}
