// Paths of MCP endpoints, as requests and OAuth tokens name them. Which of them exist is nobody's matter here.

/** The endpoint over everything. */
export const mcpPath = '/api/mcp';
/** No server or group can be called so: below an endpoint it is HTTP+SSE. */
const ssePath = '/sse';
const endpointName = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;
/** Before the name of an endpoint, or alone for the one over everything: the same with a search in place of its list. */
const smart = '$smart';

/**
 * The key of the endpoint with this path: its name in lower case, "" for the one over everything, null for a path that no
 * endpoint can have. The path is taken as it stands: nothing is decoded or normalised, so no spelling can mean two things.
 */
export function endpointOfPath(path: string): string | null {
  if (path === mcpPath) return '';
  if (!path.startsWith(`${mcpPath}/`)) return null;
  const name = path.slice(mcpPath.length + 1);
  if (name === smart) return smartKeyOf('');
  if (!name.startsWith(`${smart}/`)) return endpointName.test(name) ? name.toLowerCase() : null;
  const behind = name.slice(smart.length + 1);
  return endpointName.test(behind) ? smartKeyOf(behind.toLowerCase()) : null;
}

/** The key of the smart endpoint over another. */
export function smartKeyOf(key: string): string {
  return key === '' ? smart : `${smart}/${key}`;
}

/** As endpointOfPath, for the paths of HTTP+SSE: `/api/mcp/sse` and `/api/mcp/{name}/sse`. */
export function endpointOfSsePath(path: string): string | null {
  return path.endsWith(ssePath) ? endpointOfPath(path.slice(0, -ssePath.length)) : null;
}

/**
 * The endpoint that a resource indicator (RFC 8707) names: "" stands for all of them, a name for that one alone; null for
 * what is no endpoint of this hub.
 * @param publicUrl without a slash at its end; it may have a path
 */
export function endpointOfResource(publicUrl: string, resource: string): string | null {
  if (!URL.canParse(resource)) return null;
  const { origin, pathname, search, hash, username, password } = new URL(resource);
  const base = new URL(publicUrl);
  const prefix = base.pathname === '/' ? '' : base.pathname;
  if (origin !== base.origin || search || hash || username || password || !pathname.startsWith(`${prefix}/`))
    return null;
  const path = pathname.slice(prefix.length).replace(/\/$/, '');
  return endpointOfSsePath(path) ?? endpointOfPath(path);
}
