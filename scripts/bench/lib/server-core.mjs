// The MCP server logic shared by upstream.mjs (HTTP) and upstream-stdio.mjs. Hand-written so that it costs as little as possible.
const VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'];
const NOUNS = [
  'issue',
  'invoice',
  'document',
  'calendar_event',
  'customer',
  'deployment',
  'ticket',
  'message',
  'repository',
  'contact',
];
const VERBS = ['create', 'list', 'update', 'delete', 'search', 'export', 'archive', 'assign', 'get', 'sync'];

function dummyTool(i) {
  const verb = VERBS[i % 10],
    noun = NOUNS[Math.floor(i / 10) % 10];
  return {
    name: `${verb}_${noun}_${i}`,
    title: `${verb} ${noun} #${i}`,
    description: `${verb[0].toUpperCase()}${verb.slice(1)} one ${noun.replace('_', ' ')} in workspace ${i}. Answers with the record as it is after the change, or with an error when the caller has no right to it. Dates are ISO 8601 in UTC; identifiers are opaque strings.`,
    inputSchema: {
      type: 'object',
      properties: {
        workspaceId: { type: 'string', description: 'Opaque identifier of the workspace' },
        query: { type: 'string', description: 'Free text filter, at most 256 characters', maxLength: 256 },
        status: { type: 'string', enum: ['open', 'pending', 'closed'], description: 'State to filter by or to set' },
        limit: { type: 'integer', minimum: 1, maximum: 100, default: 20, description: 'Largest number of records' },
        labels: { type: 'array', items: { type: 'string' }, description: 'Labels that must all be present' },
        due: {
          type: 'object',
          properties: { from: { type: 'string', format: 'date-time' }, to: { type: 'string', format: 'date-time' } },
        },
      },
      required: ['workspaceId'],
    },
    annotations: { readOnlyHint: verb === 'list' || verb === 'get' || verb === 'search' },
  };
}

export function makeCore({ tools = 0, name = 'bench-upstream' } = {}) {
  const list = [
    {
      name: 'echo',
      description: 'Answers with its argument.',
      inputSchema: {
        type: 'object',
        properties: { message: { type: 'string', description: 'Text to send back' } },
        required: ['message'],
      },
    },
    {
      name: 'sleep',
      description: 'Answers after some milliseconds.',
      inputSchema: {
        type: 'object',
        properties: { ms: { type: 'number', minimum: 0, maximum: 60000 } },
        required: ['ms'],
      },
    },
    {
      name: 'big',
      description: 'Answers with N KiB of text.',
      inputSchema: {
        type: 'object',
        properties: { kib: { type: 'integer', minimum: 1, maximum: 16384 } },
        required: ['kib'],
      },
    },
  ];
  for (let i = 0; i < tools; i++) list.push(dummyTool(i));
  const listJson = JSON.stringify({ tools: list });
  const dummies = new Set(list.slice(3).map((t) => t.name));
  const bigCache = new Map();
  const stats = { calls: 0, lists: 0, inits: 0 };

  let modern = false; // set for the message being handled
  const result = (m, id, r) =>
    `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${m ? (r === '{}' ? '{"resultType":"complete"}' : `{"resultType":"complete",${r.slice(1)}`) : r}}`;
  const ok = (id, r) => result(modern, id, r);
  const err = (id, code, message) => JSON.stringify({ jsonrpc: '2.0', id: id ?? null, error: { code, message } });
  const text = (t) => JSON.stringify({ content: [{ type: 'text', text: t }] });

  /** Answers one message: a JSON string, a promise of one, or null for notifications and responses. */
  function handle(m) {
    if (m === null || typeof m !== 'object') return err(null, -32600, 'Invalid Request');
    if (m.id === undefined || m.method === undefined) return null;
    modern = m.params?._meta?.['io.modelcontextprotocol/protocolVersion'] !== undefined;
    switch (m.method) {
      case 'server/discover':
        stats.inits++;
        return ok(
          m.id,
          JSON.stringify({
            supportedVersions: ['2026-07-28', ...VERSIONS],
            capabilities: { tools: {} },
            _meta: { 'io.modelcontextprotocol/serverInfo': { name, version: '1.0.0' } },
            ttlMs: 0,
            cacheScope: 'public',
          }),
        );
      case 'initialize': {
        stats.inits++;
        const asked = m.params?.protocolVersion;
        return ok(
          m.id,
          JSON.stringify({
            protocolVersion: VERSIONS.includes(asked) ? asked : VERSIONS[0],
            capabilities: { tools: {} },
            serverInfo: { name, version: '1.0.0' },
          }),
        );
      }
      case 'ping':
        return ok(m.id, '{}');
      case 'tools/list':
        stats.lists++;
        return ok(m.id, modern ? `{"ttlMs":0,"cacheScope":"public",${listJson.slice(1)}` : listJson);
      case 'resources/list':
        return ok(m.id, '{"resources":[]}');
      case 'resources/templates/list':
        return ok(m.id, '{"resourceTemplates":[]}');
      case 'prompts/list':
        return ok(m.id, '{"prompts":[]}');
      case 'tools/call': {
        stats.calls++;
        const n = m.params?.name,
          a = m.params?.arguments ?? {};
        if (n === 'echo') return ok(m.id, text(String(a.message)));
        if (n === 'sleep') {
          const mod = modern;
          return new Promise((res) => setTimeout(res, Number(a.ms) || 0, 0)).then(() =>
            result(mod, m.id, text(`slept ${Number(a.ms) || 0}`)),
          );
        }
        if (n === 'big') {
          const k = Math.min(16384, Math.max(1, Number(a.kib) || 1));
          let s = bigCache.get(k);
          s ??= text('0123456789abcdef'.repeat(64 * k));
          bigCache.set(k, s);
          return ok(m.id, s);
        }
        if (dummies.has(n)) return ok(m.id, text(`${n} ok`));
        return err(m.id, -32602, `Unknown tool: ${n}`);
      }
      default:
        return err(m.id, -32601, `Method not found: ${m.method}`);
    }
  }
  return { handle, stats, err };
}
