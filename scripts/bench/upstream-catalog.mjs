#!/usr/bin/env node
// An MCP server with the tools of the public rapidapi set, as many as are asked for, over streamable HTTP without sessions.
// node upstream-catalog.mjs --port P --tools N [--from PLACE]
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { num, parseArgs } from './lib/args.mjs';

const a = parseArgs(process.argv.slice(2), {});
const lines = readFileSync(new URL('./routing/data/rapidapi.tools.jsonl', import.meta.url), 'utf8').split('\n');
const pool = lines.filter(Boolean).map((line) => JSON.parse(line));
const tools = Array.from({ length: num(a.tools, 500) }, (_, place) => {
  const at = place + num(a.from, 0);
  const { server, name, description, inputSchema } = pool[at % pool.length];
  const whole = `${server} ${name} ${at}`.replace(/[^A-Za-z0-9_-]+/g, '_');
  return {
    name: whole.slice(-128),
    title: `${server}: ${name}`,
    description,
    inputSchema: inputSchema ?? { type: 'object' },
  };
});

const results = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: 'catalog', version: '1' },
  }),
  'tools/list': () => ({ tools }),
  'tools/call': ({ name }) => ({ content: [{ type: 'text', text: name }] }),
};

const server = http.createServer((request, response) => {
  if (request.method !== 'POST') return void response.writeHead(405).end();
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const { id, method, params } = JSON.parse(Buffer.concat(chunks).toString());
    if (id === undefined) return void response.writeHead(202).end();
    const run = results[method];
    const answer = run ? { result: run(params ?? {}) } : { error: { code: -32601, message: `no ${method}` } };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
  });
});
server.listen(num(a.port, 9100), '127.0.0.1');
