// How an MCP client is told of the hub: file, snippet, command line and install link per client, as plain data and pure
// functions, safe in a browser. From the clients' documentation of November 2026.

export const systems = ['macos', 'windows', 'linux'] as const;
export type System = (typeof systems)[number];

/** What a client shall connect to. */
export interface Connection {
  /** Name of the entry in the client's configuration. */
  name: string;
  url: string;
  /** Null: the snippet shows a placeholder, or lets the client ask. Install links never carry a key. */
  key: string | null;
}

export interface ClientGuide {
  id: 'claude-code' | 'claude-desktop' | 'cursor' | 'vscode' | 'other';
  label: string;
  /** The file to put the snippet into, by system; null where no file is edited. */
  file: Record<System, string> | null;
  /** The content of the file, or what to enter. */
  snippet(connection: Connection): string;
  /** A command line that does the same. */
  command?(connection: Connection): string;
  /** Opens the client and adds the entry. */
  link?(connection: Connection): string;
  /** Plain sentences: what to know before, and what to do after. */
  notes: string[];
  /** How to connect without a key, where the client signs in by OAuth: what to enter, and what happens then. */
  signIn?: { code(connection: Pick<Connection, 'name' | 'url'>): string; after: string };
}

export const keyPlaceholder = 'YOUR_MCPHUB_KEY';

const bearer = (key: string | null) => `Bearer ${key ?? keyPlaceholder}`;
const json = (value: unknown) => JSON.stringify(value, null, 2);
const withoutKey = (connection: Connection): Connection => ({ ...connection, key: null });

export const clientGuides: readonly ClientGuide[] = [
  {
    id: 'claude-code',
    label: 'Claude Code',
    file: { macos: '~/.claude.json', windows: '%USERPROFILE%\\.claude.json', linux: '~/.claude.json' },
    command: ({ name, url, key }) =>
      `claude mcp add --transport http --scope user ${name} ${quoted(url)} --header ${quoted(`Authorization: ${bearer(key)}`)}`,
    snippet: ({ name, url, key }) =>
      json({ mcpServers: { [name]: { type: 'http', url, headers: { Authorization: bearer(key) } } } }),
    notes: [
      'The command is the short way. The snippet also fits a .mcp.json in the root of a project.',
      'Type /mcp in Claude Code to see the connection.',
    ],
    signIn: {
      code: ({ name, url }) => `claude mcp add --transport http --scope user ${name} ${quoted(url)}`,
      after: 'Then type /mcp in Claude Code, choose the entry and Authenticate.',
    },
  },
  {
    id: 'claude-desktop',
    label: 'Claude Desktop',
    file: {
      macos: '~/Library/Application Support/Claude/claude_desktop_config.json',
      windows: '%APPDATA%\\Claude\\claude_desktop_config.json',
      linux: '~/.config/Claude/claude_desktop_config.json',
    },
    snippet: ({ name, url, key }) =>
      json({
        mcpServers: {
          [name]: {
            command: 'npx',
            args: bridgeArgs(url),
            // Claude Desktop and npx on Windows split an argument at its spaces, so the header's value comes from here.
            env: { MCPHUB_AUTHORIZATION: bearer(key) },
          },
        },
      }),
    notes: [
      'Claude Desktop starts local programs only: this file takes no URL. The entry starts mcp-remote, which passes everything on to the hub. It needs Node.js on this computer.',
      'Quit Claude Desktop completely and open it again after the change.',
    ],
    signIn: {
      code: ({ url }) => url,
      after:
        'Enter it under Settings, Connectors, Add custom connector. Claude connects from its cloud: that takes an https address which is reached from the internet.',
    },
  },
  {
    id: 'cursor',
    label: 'Cursor',
    file: { macos: '~/.cursor/mcp.json', windows: '%USERPROFILE%\\.cursor\\mcp.json', linux: '~/.cursor/mcp.json' },
    snippet: ({ name, url, key }) => json({ mcpServers: { [name]: cursorEntry(url, key) } }),
    link: (connection) => {
      const { name, url, key } = withoutKey(connection);
      const config = base64(JSON.stringify(cursorEntry(url, key)));
      return `cursor://anysphere.cursor-deeplink/mcp/install?name=${encodeURIComponent(name)}&config=${encodeURIComponent(config)}`;
    },
    notes: [
      `The link carries no key: replace ${keyPlaceholder} in Cursor after the install.`,
      'A .cursor/mcp.json in a project works the same, for that project alone.',
    ],
    signIn: {
      code: ({ name, url }) => json({ mcpServers: { [name]: { url } } }),
      after: 'Then choose Connect beside the entry in the settings of Cursor.',
    },
  },
  {
    id: 'vscode',
    label: 'VS Code',
    file: {
      macos: '~/Library/Application Support/Code/User/mcp.json',
      windows: '%APPDATA%\\Code\\User\\mcp.json',
      linux: '~/.config/Code/User/mcp.json',
    },
    snippet: ({ name, url, key }) =>
      json(
        key === null
          ? { inputs: [vscodeInput], servers: { [name]: vscodeEntry(url, null) } }
          : { servers: { [name]: vscodeEntry(url, key) } },
      ),
    link: ({ name, url }) => {
      const entry = { name, ...vscodeEntry(url, null), inputs: [vscodeInput] };
      return `vscode:mcp/install?${encodeURIComponent(JSON.stringify(entry))}`;
    },
    notes: [
      'With the link VS Code asks for the key and keeps it in its own secret store.',
      'For a .vscode/mcp.json that is shared with others, use the snippet without a key.',
    ],
    signIn: {
      code: ({ name, url }) => json({ servers: { [name]: { type: 'http', url } } }),
      after: 'VS Code asks to sign in when the server starts.',
    },
  },
  {
    id: 'other',
    label: 'Other',
    file: null,
    snippet: ({ url, key }) => `${url}\nAuthorization: ${bearer(key)}`,
    command: ({ url, key }) =>
      [
        `curl ${quoted(url)}`,
        `-H ${quoted(`Authorization: ${bearer(key)}`)}`,
        "-H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream'",
        `-d '${JSON.stringify(initialize)}'`,
      ].join(' \\\n  '),
    notes: [
      'Any client that speaks streamable HTTP can connect: give it the URL and the header.',
      'The command asks the hub to open a session, to see that URL and key are right.',
    ],
    signIn: {
      code: ({ url }) => url,
      after: 'A client that supports OAuth needs the URL alone and opens a page of this hub to be allowed.',
    },
  },
];

/** The hub's MCP URL. @param target name of a group or server; null means everything the caller may see */
export function endpointUrl(base: string, target: string | null): string {
  const root = `${base.replace(/\/+$/, '')}/api/mcp`;
  return target === null ? root : `${root}/${encodeURIComponent(target)}`;
}

/** A name for the entry that stays apart from entries of other endpoints of the hub. */
export function entryName(target: string | null): string {
  return target === null ? 'mcphub' : `mcphub-${target}`;
}

/** The visitor's system, by what the browser says of itself; Linux when it says nothing known. */
export function systemOf(userAgent: string): System {
  if (/windows/i.test(userAgent)) return 'windows';
  if (/mac os|macintosh|iphone|ipad/i.test(userAgent)) return 'macos';
  return 'linux';
}

const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'curl', version: '1' } },
};

const vscodeInput = { type: 'promptString', id: 'mcphub-key', description: 'MCPHub API key', password: true };

function vscodeEntry(url: string, key: string | null) {
  const authorization = key === null ? `Bearer \${input:${vscodeInput.id}}` : bearer(key);
  return { type: 'http', url, headers: { Authorization: authorization } };
}

function cursorEntry(url: string, key: string | null) {
  return { url, headers: { Authorization: bearer(key) } };
}

/** mcp-remote refuses plain http to other hosts than this one unless it is told that this is meant. */
function bridgeArgs(url: string): string[] {
  const { protocol, hostname } = new URL(url);
  const isPlainRemote = protocol === 'http:' && !['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  return [
    '-y',
    'mcp-remote',
    url,
    '--transport',
    'http-only',
    '--header',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: mcp-remote fills this in itself
    'Authorization:${MCPHUB_AUTHORIZATION}',
    ...(isPlainRemote ? ['--allow-http'] : []),
  ];
}

/** In double quotes, for POSIX shells; cmd and PowerShell read what our URLs and keys consist of the same way. */
function quoted(text: string): string {
  return `"${text.replace(/["\\$`]/g, '\\$&')}"`;
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
