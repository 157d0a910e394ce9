// How the configurations of MCP clients differ, as data: where in the document the servers are, and how to tell one
// client's file from another's. The rows are asked in order; the first that fits wins.
import { getNodeValue, membersOf, type Node, nodeAt } from './json-text';

export interface Dialect {
  id: string;
  /** For people. */
  title: string;
  /** Path to the map of servers (or to an array of entries with `name`). */
  root: readonly string[];
  /** More that must be true, where several clients share a root. */
  fits?(entries: Record<string, unknown>[], document: Record<string, unknown>): boolean;
  /** A bare `url` means the old SSE transport. */
  urlIsSse?: boolean;
}

const some =
  (...keys: string[]) =>
  (entries: Record<string, unknown>[]) =>
    entries.some((entry) => keys.some((key) => Object.hasOwn(entry, key)));

const typed =
  (...types: string[]) =>
  (entries: Record<string, unknown>[]) =>
    entries.some((entry) => typeof entry.type === 'string' && types.includes(entry.type));

export const dialects: readonly Dialect[] = [
  { id: 'zed', title: 'Zed (settings.json)', root: ['context_servers'] },
  { id: 'amp', title: 'Amp (settings.json)', root: ['amp.mcpServers'] },
  { id: 'vscode-settings', title: 'VS Code (settings.json)', root: ['mcp', 'servers'] },
  { id: 'opencode', title: 'OpenCode (opencode.json)', root: ['mcp'], fits: typed('local', 'remote') },
  { id: 'crush', title: 'Crush (crush.json)', root: ['mcp'] },
  { id: 'gemini', title: 'Gemini CLI (settings.json)', root: ['mcpServers'], fits: some('httpUrl'), urlIsSse: true },
  { id: 'windsurf', title: 'Windsurf (mcp_config.json)', root: ['mcpServers'], fits: some('serverUrl') },
  { id: 'cherry-studio', title: 'Cherry Studio', root: ['mcpServers'], fits: some('baseUrl') },
  { id: 'cline', title: 'Cline', root: ['mcpServers'], fits: typed('streamableHttp') },
  { id: 'copilot-cli', title: 'Copilot CLI (mcp-config.json)', root: ['mcpServers'], fits: typed('local') },
  { id: 'mcp-servers', title: 'mcpServers (Claude, Cursor and others)', root: ['mcpServers'] },
  { id: 'vscode', title: 'VS Code (mcp.json)', root: ['servers'] },
];

const bareMap: Dialect = { id: 'map', title: 'a map of servers', root: [] };
const bareEntry: Dialect = { id: 'entry', title: 'one server', root: [] };

export interface Found {
  dialect: Dialect;
  /** `key` null: the entry has no name. */
  entries: { key: string | null; keyNode: Node; value: Node }[];
}

/** Recognises a document and finds its entries; undefined when it looks like nothing we know. */
export function findEntries(root: Node | undefined): Found | undefined {
  if (root?.type !== 'object') return undefined;
  const document: Record<string, unknown> = getNodeValue(root);
  for (const dialect of dialects) {
    const node = nodeAt(root, dialect.root);
    if (!node || (node.type !== 'object' && node.type !== 'array')) continue;
    const entries = entriesOf(node);
    if (!dialect.fits || dialect.fits(objectsOf(entries), document)) return { dialect, entries };
  }
  if (isEntry(document)) {
    const key = typeof document.name === 'string' ? document.name : null;
    return { dialect: bareEntry, entries: [{ key, keyNode: root, value: root }] };
  }
  const entries = entriesOf(root);
  return objectsOf(entries).some(isEntry) ? { dialect: bareMap, entries } : undefined;
}

function entriesOf(node: Node): Found['entries'] {
  if (node.type === 'object') return membersOf(node);
  return (node.children ?? []).map((value) => {
    const name = nodeAt(value, ['name']);
    return { key: typeof name?.value === 'string' ? name.value : null, keyNode: name ?? value, value };
  });
}

function objectsOf(entries: Found['entries']): Record<string, unknown>[] {
  return entries.flatMap(({ value }) => (value.type === 'object' ? [getNodeValue(value)] : []));
}

function isEntry(value: Record<string, unknown>): boolean {
  return ['command', 'cmd', 'url', 'httpUrl', 'serverUrl', 'uri', 'baseUrl'].some(
    (key) => typeof value[key] === 'string' || (key === 'command' && Array.isArray(value[key])),
  );
}
