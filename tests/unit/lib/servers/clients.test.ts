import { describe, expect, it } from 'vitest';
import {
  type ClientGuide,
  clientGuides,
  endpointUrl,
  entryName,
  keyPlaceholder,
  systemOf,
} from '../../../../lib/servers/clients';

const url = 'http://127.0.0.1:3000/api/mcp';
const connection = { name: 'mcphub', url, key: 'mh_secret' };

function guide(id: ClientGuide['id']): ClientGuide {
  const found = clientGuides.find((each) => each.id === id);
  if (!found) throw new Error(`no guide ${id}`);
  return found;
}

describe('client guides', () => {
  it('each client can sign in without a key, and is then given none', () => {
    for (const { label, signIn } of clientGuides) {
      const code = signIn?.code(connection) ?? '';
      expect([label, code]).toEqual([label, expect.stringContaining(url)]);
      for (const word of ['mh_secret', keyPlaceholder, 'Authorization']) expect(code).not.toContain(word);
    }
    expect(guide('claude-code').signIn?.code(connection)).toBe(
      `claude mcp add --transport http --scope user mcphub "${url}"`,
    );
    expect(JSON.parse(guide('vscode').signIn?.code(connection) ?? '')).toEqual({
      servers: { mcphub: { type: 'http', url } },
    });
  });

  it('Claude Code: an http entry and the command that adds it', () => {
    expect(JSON.parse(guide('claude-code').snippet(connection))).toEqual({
      mcpServers: { mcphub: { type: 'http', url, headers: { Authorization: 'Bearer mh_secret' } } },
    });
    expect(guide('claude-code').command?.(connection)).toBe(
      `claude mcp add --transport http --scope user mcphub "${url}" --header "Authorization: Bearer mh_secret"`,
    );
  });

  it('Claude Desktop: a local bridge whose header has no space among the arguments', () => {
    const { mcpServers } = JSON.parse(guide('claude-desktop').snippet(connection));
    expect(mcpServers.mcphub.command).toBe('npx');
    expect(mcpServers.mcphub.args).toEqual([
      '-y',
      'mcp-remote',
      url,
      '--transport',
      'http-only',
      '--header',
      // mcp-remote fills this in itself.
      'Authorization:${MCPHUB_AUTHORIZATION}',
    ]);
    expect(mcpServers.mcphub.env).toEqual({ MCPHUB_AUTHORIZATION: 'Bearer mh_secret' });
    expect(mcpServers.mcphub.args.join('')).not.toContain('mh_secret');
  });

  it('Claude Desktop: plain http to another machine is allowed to the bridge, https and loopback need nothing', () => {
    const args = (to: string): string[] =>
      JSON.parse(guide('claude-desktop').snippet({ ...connection, url: to })).mcpServers.mcphub.args;
    expect(args('http://hub.lan:3000/api/mcp')).toContain('--allow-http');
    expect(args('https://hub.example/api/mcp')).not.toContain('--allow-http');
    expect(args('http://localhost:3000/api/mcp')).not.toContain('--allow-http');
  });

  it('Cursor: a url entry, and a link whose entry decodes to the same without the key', () => {
    expect(JSON.parse(guide('cursor').snippet(connection))).toEqual({
      mcpServers: { mcphub: { url, headers: { Authorization: 'Bearer mh_secret' } } },
    });
    const link = new URL(guide('cursor').link?.(connection) ?? '');
    expect(link.protocol).toBe('cursor:');
    expect(link.searchParams.get('name')).toBe('mcphub');
    expect(JSON.parse(atob(link.searchParams.get('config') ?? ''))).toEqual({
      url,
      headers: { Authorization: `Bearer ${keyPlaceholder}` },
    });
  });

  it('VS Code: servers, not mcpServers; without a key it asks for one', () => {
    expect(JSON.parse(guide('vscode').snippet(connection))).toEqual({
      servers: { mcphub: { type: 'http', url, headers: { Authorization: 'Bearer mh_secret' } } },
    });
    const asking = JSON.parse(guide('vscode').snippet({ ...connection, key: null }));
    expect(asking.inputs).toEqual([
      { type: 'promptString', id: 'mcphub-key', description: 'MCPHub API key', password: true },
    ]);
    // VS Code fills this in itself.
    expect(asking.servers.mcphub.headers.Authorization).toBe('Bearer ${input:mcphub-key}');
  });

  it('VS Code: the link is the entry with its name and the question for the key', () => {
    const link = guide('vscode').link?.(connection) ?? '';
    expect(link.startsWith('vscode:mcp/install?')).toBe(true);
    const entry = JSON.parse(decodeURIComponent(link.slice('vscode:mcp/install?'.length)));
    expect(entry).toMatchObject({ name: 'mcphub', type: 'http', url, inputs: [{ id: 'mcphub-key' }] });
  });

  it('other clients: URL and header, and a request to try them', () => {
    expect(guide('other').snippet(connection)).toBe(`${url}\nAuthorization: Bearer mh_secret`);
    const command = guide('other').command?.(connection) ?? '';
    const body = JSON.parse(/-d '(.*)'$/s.exec(command)?.[1] ?? '');
    expect(body).toMatchObject({ method: 'initialize', params: { clientInfo: { name: 'curl' } } });
  });

  it.each(clientGuides.map((each) => [each.id, each] as const))('%s: no link carries a live key', (_id, each) => {
    const link = each.link?.(connection) ?? '';
    expect(decodeURIComponent(link)).not.toContain('mh_secret');
    expect(link).not.toContain(btoa('mh_secret').slice(0, 8));
  });

  it.each(clientGuides.map((each) => [each.id, each] as const))(
    '%s: a placeholder or a question replaces a missing key',
    (_id, each) => {
      const snippet = each.snippet({ ...connection, key: null });
      expect(snippet).not.toContain('null');
      expect(snippet.includes(keyPlaceholder) || snippet.includes('promptString')).toBe(true);
    },
  );

  it('what a shell would read in a key or URL is escaped', () => {
    const command = guide('claude-code').command?.({ ...connection, key: 'a"$(id)`b\\' });
    expect(command).toContain('Bearer a\\"\\$(id)\\`b\\\\"');
  });
});

describe('endpoints', () => {
  it('all, a group or a server', () => {
    expect(endpointUrl('http://h/', null)).toBe('http://h/api/mcp');
    expect(endpointUrl('http://h', 'dev')).toBe('http://h/api/mcp/dev');
    expect([entryName(null), entryName('dev')]).toEqual(['mcphub', 'mcphub-dev']);
  });
});

describe('the visitor’s system', () => {
  it.each([
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64)', 'windows'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)', 'macos'],
    ['Mozilla/5.0 (X11; Linux x86_64)', 'linux'],
    ['', 'linux'],
  ])('%s → %s', (agent, system) => expect(systemOf(agent)).toBe(system));
});
