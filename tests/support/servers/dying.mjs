// A fixture MCP server over stdio that ends with code 7 at a certain step of getting to know it.
//   node dying.mjs <era: legacy | modern> <step>
// Steps:  start      before it reads anything
//         asked      when it is asked who it is, before it answers
//         answered   right after that answer
//         list       when it is asked for its tools
//         page       when it is asked for the second page of them
import { createInterface } from 'node:readline';

const [era, step] = process.argv.slice(2);
if (step === 'start') process.exit(7);
const die = (at) => {
  if (at === step) process.exit(7);
};
const send = (id, result, then) =>
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`, then ?? (() => {}));
const capabilities = { tools: {} };

function page({ cursor }) {
  const tools = [{ name: cursor ? 'second' : 'first', inputSchema: { type: 'object' } }];
  if (era === 'legacy') return cursor ? { tools } : { tools, nextCursor: 'two' };
  return { resultType: 'complete', ttlMs: 0, tools, ...(!cursor && { nextCursor: 'two' }) };
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params = {} } = JSON.parse(line);
  if (method === (era === 'legacy' ? 'initialize' : 'server/discover')) {
    die('asked');
    const about =
      era === 'legacy'
        ? { protocolVersion: params.protocolVersion, capabilities, serverInfo: { name: 'dying', version: '1' } }
        : { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities };
    return send(id, about, () => die('answered'));
  }
  if (method === 'tools/list') {
    die(params.cursor ? 'page' : 'list');
    return send(id, page(params));
  }
  if (id !== undefined) {
    process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32601, message: 'Unknown' } })}\n`);
  }
});
