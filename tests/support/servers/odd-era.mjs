// A fixture MCP server over stdio that is odd about the eras of the protocol, in raw JSON-RPC.
//   node odd-era.mjs <mode> [argument]
// Modes:  silent    legacy; says nothing to what it does not know
//         code      legacy; answers server/discover with the error code given as argument
//         crash     legacy; ends when it is asked server/discover
//         versions  modern; knows only the versions given as argument, comma separated, and says so
//         half      modern; no resultType, no serverInfo, no acknowledged subscriptions
//         slow      modern; answers server/discover after so many milliseconds
import { createInterface } from 'node:readline';

const [mode = 'silent', argument = ''] = process.argv.slice(2);
const seen = [];
const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const isModern = ['versions', 'half', 'slow'].includes(mode);
const versions = mode === 'versions' ? argument.split(',') : ['2026-07-28'];

function discover(id, { _meta }) {
  if (mode === 'crash') process.exit(3);
  if (mode === 'silent') return;
  if (mode === 'code') return send({ id, error: { code: Number(argument), message: 'What is this?' } });
  const requested = _meta?.['io.modelcontextprotocol/protocolVersion'];
  if (!versions.includes(requested)) {
    return send({ id, error: { code: -32022, message: 'Unsupported', data: { supported: versions, requested } } });
  }
  const result = { supportedVersions: versions, capabilities: { tools: {} } };
  setTimeout(() => send({ id, result }), mode === 'slow' ? Number(argument) : 0);
}

function answer({ id, method, params = {} }) {
  if (id === undefined) return;
  if (method === 'server/discover') return discover(id, params);
  if (method === 'initialize') {
    if (isModern) return send({ id, error: { code: -32601, message: `Unknown; this speaks ${versions}` } });
    const { protocolVersion } = params;
    const serverInfo = { name: 'odd', version: '1' };
    return send({ id, result: { protocolVersion, capabilities: { tools: {} }, serverInfo } });
  }
  if (method === 'tools/list') {
    return send({ id, result: { tools: [{ name: 'seen', inputSchema: { type: 'object' } }] } });
  }
  if (method === 'tools/call') return send({ id, result: { content: [{ type: 'text', text: JSON.stringify(seen) }] } });
  if (mode === 'silent') return;
  send({ id, error: { code: -32601, message: 'Unknown method' } });
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line);
  seen.push({ pid: process.pid, method: message.method, params: message.params });
  answer(message);
});
