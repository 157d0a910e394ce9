// What helps, in a sentence or two, for each way in which a server can fail to start or to answer. Pure.
import { basename } from 'node:path';
import { challengeOf, type HttpFacts } from '../upstream';

/** How programs that start MCP servers are installed. */
const installs: [names: readonly string[], how: string][] = [
  [['npx', 'npm', 'node'], 'Install Node.js 20 or newer from https://nodejs.org; npx and npm come with it.'],
  [
    ['uvx', 'uv'],
    'Install uv: curl -LsSf https://astral.sh/uv/install.sh | sh (or: pip install uv), and start the hub again if its PATH has changed.',
  ],
  [
    ['python', 'python3', 'pip', 'pipx'],
    'Install Python 3 from https://www.python.org or the system\'s packages. Where only "python3" exists, use that as the command.',
  ],
  [['docker'], 'Install Docker Engine (https://docs.docker.com/engine/install) and let the user of the hub use it.'],
  [['podman'], 'Install Podman: https://podman.io/docs/installation.'],
  [['deno'], 'Install Deno: https://docs.deno.com/runtime/getting_started/installation.'],
  [['bun', 'bunx'], 'Install Bun: https://bun.sh/docs/installation.'],
  [['java'], 'Install a Java runtime, e.g. from https://adoptium.net.'],
  [['go'], 'Install Go: https://go.dev/doc/install.'],
  [['cargo'], 'Install Rust and its cargo: https://rustup.rs.'],
  [['dotnet', 'dnx'], 'Install .NET: https://dotnet.microsoft.com/download.'],
];

/** Programs that fetch the server before they start it. */
const fetching = new Set(['npx', 'npm', 'bunx', 'uvx', 'uv', 'pipx', 'docker', 'podman', 'deno', 'dnx']);

function nameOf(command: string): string {
  return basename(command.replaceAll('\\', '/'))
    .replace(/\.(cmd|exe|bat)$/i, '')
    .toLowerCase();
}

export function isFetching(command: string | null): boolean {
  return command !== null && fetching.has(nameOf(command));
}

/** @param path PATH as the server gets it */
export function howToInstall(command: string | null, path: string): string {
  if (!command) return 'Enter the program that shall run.';
  const known = installs.find(([names]) => names.includes(nameOf(command)))?.[1];
  if (command.includes('/'))
    return `Check the path and that the file may be run (chmod +x).${known ? ` ${known}` : ''}`;
  if (/\s/.test(command)) return 'Only the program belongs into "command"; put each of its arguments into "args".';
  const looked =
    path === '' ? 'Its PATH is empty.' : `It was looked for in ${[...new Set(path.split(':'))].join(', ')}.`;
  return `${known ?? 'Install it, or give its full path as command.'} ${looked}`;
}

const causes: [pattern: RegExp, fix: string | ((match: RegExpExecArray) => string)][] = [
  [
    /Cannot find (?:module|package) '([^']+)'/,
    ([, module]) => `Node.js does not find ${module}: check the path, or install the packages of the server first.`,
  ],
  [
    /npm (?:error|ERR!)(?: code)? E?404|404 Not Found - GET|could not be found in the registry/i,
    'There is no such package: check its name in the arguments.',
  ],
  [
    /could not determine executable to run/i,
    'The package has no program of its own to run: check its name, or name the program with "-p <package> <program>".',
  ],
  [
    /(?:getaddrinfo )?(?:ENOTFOUND|EAI_AGAIN)|Temporary failure in name resolution|network is unreachable/i,
    'It needs the network, and this machine has no way to it: check DNS and proxy, or install the server beforehand and run it from disk.',
  ],
  [
    /ModuleNotFoundError: No module named '([^']+)'/,
    ([, module]) => `Install the Python package that has "${module}".`,
  ],
  [/No module named (\S+)/, ([, module]) => `Install the Python package that has "${module}".`],
  [
    /Cannot connect to the Docker daemon|permission denied.*docker\.sock|docker daemon is not running/i,
    'Start Docker, and let the user of the hub use it (group "docker").',
  ],
  [/(?:pull access denied|manifest unknown|No such image)/i, 'There is no such image: check its name and tag.'],
  [/the input device is not a TTY/i, 'Use "docker run -i" without "-t".'],
  [/EADDRINUSE|address already in use/i, 'It wants a port that is taken: let it speak over stdio, or free the port.'],
  [/EACCES|permission denied/i, 'The user of the hub may not open something that it needs: see the line above.'],
  [
    /SyntaxError|ERR_UNKNOWN_FILE_EXTENSION|ERR_REQUIRE_ESM/,
    'It wants another version of its language: see its requirements.',
  ],
  [
    /(?:unknown|unrecognized|invalid) (?:option|argument|flag)|^usage: /im,
    'Its arguments are not what it expects: check "args".',
  ],
  [
    /(?:api[ _-]?key|token|secret|credential|environment variable|env(?:ironment)? var)[^\n]*(?:required|missing|not set|must|undefined|provide)|(?:required|missing|not set|provide|set)[^\n]*(?:api[ _-]?key|token|secret|credential|environment variable)/i,
    'It misses a setting: add the variable that it names to the environment of the server.',
  ],
];

/** What the last lines of stderr hint at; null if nothing known. */
export function adviceFromOutput(lines: readonly string[]): string | null {
  const text = lines.join('\n');
  for (const [pattern, fix] of causes) {
    const match = pattern.exec(text);
    if (match) return typeof fix === 'string' ? fix : fix(match);
  }
  return null;
}

export function adviceForExit(command: string | null, lines: readonly string[], printed: string | null): string {
  const known = adviceFromOutput(printed === null ? lines : [...lines, printed]);
  if (known) return known;
  if (printed !== null) return notMcp;
  if (command && nameOf(command) === 'docker') return 'A container needs "run -i --rm <image>" as its arguments.';
  return lines.length > 0
    ? 'The last lines of stderr tell why; run the command by hand in a terminal to see more.'
    : 'It ends without a word: run the command by hand in a terminal. Some servers want an argument such as "stdio".';
}

export const notMcp =
  'On stdout only MCP messages may stand. Let the program log to stderr, or pass the argument that makes it speak MCP over stdio (often "stdio" or "--stdio").';

export function adviceForSilence(command: string | null, lines: readonly string[]): string {
  const known = adviceFromOutput(lines);
  if (known) return known;
  return isFetching(command)
    ? 'The first start may still be fetching the package: run the test once more, or run the command by hand once.'
    : 'It runs but does not speak MCP over stdio: many servers need an argument such as "stdio", others are reached by a URL.';
}

/** @param problem what the handshake ended with */
export function adviceForHandshake(problem: string): string {
  if (/protocol version/.test(problem)) {
    return 'Install a version of the server that speaks a released version of MCP (2024-11-05 … 2025-11-25, or 2026-07-28).';
  }
  if (/not MCP/.test(problem)) return notMcp;
  if (/does not speak 2026/.test(problem)) return 'Set "Protocol" of the server to "Find out".';
  return 'It speaks JSON-RPC but refuses the handshake: its own log tells why.';
}

/** What the status of an HTTP answer means for somebody who wants to add this URL. */
export function adviceForHttp(url: URL, facts: HttpFacts | null, reason: string): { cause?: string; fix: string } {
  const status = facts?.status ?? Number(/^http-(\d{3})$/.exec(reason)?.[1] ?? 0);
  if (reason === 'redirect-refused' || (status >= 300 && status < 400))
    return { fix: 'Use the address that it leads to as the URL of the server.' };
  if (facts === null) {
    return {
      fix: 'No answer came over HTTP: check the address, the proxy if there is one, and what stands before the server.',
    };
  }
  if (status === 401) {
    const scheme = facts.challenge?.split(/[\s,]/, 1)[0];
    return {
      cause: `It wants a sign-in (HTTP 401${scheme ? `, ${scheme}` : ''}).`,
      fix: isOAuth(facts.challenge)
        ? 'It needs a sign-in by OAuth: choose that under "Sign-in" of the server, save it, and sign in.'
        : 'Add a header to the server, e.g. "Authorization" with "Bearer <token>". If there is one, it is wrong or has expired.',
    };
  }
  if (status === 403)
    return { fix: 'The credential is known but may not do this, or the address of the hub is not let in.' };
  if (status === 404 || status === 405 || status === 410) return { fix: otherPath(url) };
  if (status === 407) return { fix: 'A proxy on the way wants a sign-in.' };
  if (status === 429) return { fix: 'It is asked too often: wait a little and test again.' };
  if (status >= 500)
    return { fix: 'It is faulty or overloaded, or what stands before it cannot reach it: look at its own log.' };
  if (/html/.test(facts.contentType)) {
    return { cause: 'A web page answers there, not MCP.', fix: otherPath(url) };
  }
  return { fix: 'Something answers there, but it is not MCP: check the URL.' };
}

/** Of a server whose credential is missing or does not work. */
export const adviceForSignIn = 'Sign in on that page, then test again. A server that is new has to be saved before.';

/** RFC 9728, 5.1. */
function isOAuth(challenge: string | null): boolean {
  return challengeOf(challenge ?? undefined).resource_metadata !== undefined;
}

function otherPath({ pathname, origin }: URL): string {
  const path = pathname.replace(/\/$/, '');
  const guess = path.endsWith('/mcp') || path.endsWith('/sse') ? origin : `${origin}${path}`;
  const tries = [`${guess}/mcp`, `${guess}/sse`].filter((each) => each !== `${origin}${path}`);
  return `The path is wrong: try ${tries.join(' or ')}, or see the documentation of the server.`;
}

/** @param code of Node, e.g. ENOTFOUND */
export function adviceForNetwork({ hostname, host, protocol }: URL, code: string): { cause: string; fix: string } {
  const isLocal = /^(localhost|127\.|\[::1\])/.test(hostname);
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'ENODATA':
      return {
        cause: `The host name ${hostname} cannot be resolved (${code}).`,
        fix: 'Check its spelling. A name that only an inner network knows needs the DNS of that network on this machine.',
      };
    case 'EGRESS_REFUSED':
      return {
        cause: `${hostname} leads to an address that the hub may not connect to.`,
        fix: 'Allow it by the setting MCPHUB_EGRESS. Link-local and cloud-metadata addresses are never allowed.',
      };
    case 'ECONNREFUSED':
      return {
        cause: `Nothing listens at ${host} (connection refused).`,
        fix: isLocal
          ? 'Start the server, and check its port. In a container "localhost" is the container itself.'
          : 'Start the server, and check its port.',
      };
    case 'TIMEOUT':
    case 'ETIMEDOUT':
      return {
        cause: `${host} did not accept a connection in time.`,
        fix: 'A firewall may be in between, or the network needs a proxy or VPN.',
      };
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return { cause: `There is no way to ${host} (${code}).`, fix: 'Check network, VPN and routing of this machine.' };
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_GET_ISSUER_CERT':
      return {
        cause: `The certificate of ${host} is signed by nobody that the hub trusts (${code}).`,
        fix: 'Enter the certificate of its authority ("tls.ca") in the settings of the server, or name its file in NODE_EXTRA_CA_CERTS.',
      };
    case 'CERT_HAS_EXPIRED':
      return { cause: `The certificate of ${host} has expired.`, fix: 'Renew it at the server, and check the clocks.' };
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return {
        cause: `The certificate of ${host} is for another name.`,
        fix: 'Use the name that is in the certificate, or set "tls.serverName" of the server to it.',
      };
    case 'EPROTO':
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return {
        cause: `${host} does not speak TLS on this port (${code}).`,
        fix: protocol === 'https:' ? 'Try the URL with http:// instead, or check the port.' : 'Check the port.',
      };
    default:
      return {
        cause: `No connection to ${host} (${code}).`,
        fix: 'Check address and port, and whether the server ends connections at once.',
      };
  }
}
