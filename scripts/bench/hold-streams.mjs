#!/usr/bin/env node
// Opens many sessions, each with its GET stream on a bare socket, and holds them until stdin ends.
// node hold-streams.mjs --url http://…/api/mcp --streams 10000 --concurrency 32 < a JSON array of tokens on one line
import http from 'node:http';
import net from 'node:net';
import { createInterface } from 'node:readline';
import { num, parseArgs } from './lib/args.mjs';

const a = parseArgs(process.argv.slice(2), {});
const url = new URL(a.url);
const total = num(a.streams, 10_000);
const agent = new http.Agent({ keepAlive: true, maxSockets: num(a.concurrency, 32) });
const lines = createInterface({ input: process.stdin });
const tokens = JSON.parse((await lines[Symbol.asyncIterator]().next()).value);
const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'hold-streams', version: '1' } },
});

/** @returns the session id */
function open(token) {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${token}`,
    };
    const request = http.request(url, { method: 'POST', agent, headers }, (response) => {
      response.resume();
      response.once('end', () => {
        const session = response.headers['mcp-session-id'];
        if (session) resolve(session);
        else reject(new Error(`initialize: ${response.statusCode}`));
      });
    });
    request.once('error', reject);
    request.end(initialize);
  });
}

function listen(token, session) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(url.port), url.hostname);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the stream was closed')));
    let head = '';
    const onData = (chunk) => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', onData);
      socket.resume();
      if (head.startsWith('HTTP/1.1 200')) resolve(socket);
      else reject(new Error(head.slice(0, 20)));
    };
    socket.on('data', onData);
    socket.write(
      `GET ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\naccept: text/event-stream\r\nauthorization: Bearer ${token}\r\nmcp-session-id: ${session}\r\n\r\n`,
    );
  });
}

const sockets = [];
const errors = {};
let next = 0;
const startedAt = performance.now();
await Promise.all(
  Array.from({ length: agent.maxSockets }, async () => {
    while (next < total) {
      const token = tokens[next++ % tokens.length];
      try {
        sockets.push(await listen(token, await open(token)));
      } catch (error) {
        errors[error.message] = (errors[error.message] ?? 0) + 1;
      }
    }
  }),
);
agent.destroy();
const seconds = (performance.now() - startedAt) / 1000;
process.stdout.write(`${JSON.stringify({ held: sockets.length, seconds: +seconds.toFixed(1), errors })}\n`);
await new Promise((resolve) => lines.once('close', resolve));
const alive = sockets.filter(({ destroyed }) => !destroyed).length;
for (const socket of sockets) socket.destroy();
process.stdout.write(`${JSON.stringify({ alive })}\n`);
