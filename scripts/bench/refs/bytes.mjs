#!/usr/bin/env node
// Reference point for lists: a node:http server that parses the request, looks nothing up and writes the same finished
// bytes as every other answer. node refs/bytes.mjs --port 9300 --to http://127.0.0.1:9100/mcp   (whose tools/list it repeats)
import http from 'node:http';
import { num, parseArgs } from '../lib/args.mjs';

const a = parseArgs(process.argv.slice(2));
const asked = await fetch(a.to, {
  method: 'POST',
  headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
  body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }),
});
const page = Buffer.from(JSON.stringify((await asked.json()).result));

function send(res, id, result) {
  const head = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":`;
  res.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(head) + result.length + 1,
  });
  res.cork();
  res.write(head);
  res.write(result);
  res.end('}');
}

http
  .createServer((req, res) => {
    let text = '';
    req.on('data', (data) => {
      text += data;
    });
    req.on('end', () => {
      if (req.method !== 'POST') return res.writeHead(405).end();
      const { id, method, params } = JSON.parse(text);
      if (id === undefined) return res.writeHead(202).end();
      if (method !== 'initialize') return send(res, id, page);
      const { protocolVersion } = params;
      const about = { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'bytes', version: '1' } };
      send(res, id, Buffer.from(JSON.stringify(about)));
    });
  })
  .listen(num(a.port, 9300), '127.0.0.1');
