#!/usr/bin/env node
import cluster from 'node:cluster';
import { randomUUID } from 'node:crypto';
// Minimal fast MCP server over streamable HTTP (raw node:http).
// node upstream.mjs [--port 9100] [--host 127.0.0.1] [--tools N] [--session] [--sse] [--path /mcp] [--name NAME] [--workers N]
import http from 'node:http';
import { num, parseArgs } from './lib/args.mjs';
import { makeCore } from './lib/server-core.mjs';

const a = parseArgs(process.argv.slice(2), { flags: ['session', 'sse', 'quiet'] });
const port = num(a.port, 9100),
  host = a.host ?? '127.0.0.1',
  path = a.path ?? '/mcp';
const workers = num(a.workers, 1);

if (workers > 1 && cluster.isPrimary && !a.session) {
  for (let i = 0; i < workers; i++) cluster.fork();
} else {
  const core = makeCore({ tools: num(a.tools, 0), name: a.name });
  const sessions = new Set();
  const server = http.createServer((req, res) => {
    const url = req.url;
    if (url === '/stats') {
      res.setHeader('content-type', 'application/json');
      res.end(JSON.stringify({ ...core.stats, sessions: sessions.size, rss: process.memoryUsage().rss }));
      return;
    }
    if (url !== path && !url.startsWith(`${path}?`)) {
      res.statusCode = 404;
      res.end();
      return;
    }
    const sid = req.headers['mcp-session-id'];
    if (req.method === 'DELETE') {
      res.statusCode = a.session && sessions.delete(sid) ? 200 : a.session ? 404 : 405;
      res.end();
      return;
    }
    if (req.method === 'GET') {
      if (!a.session) {
        res.writeHead(405, { allow: 'POST' });
        res.end();
        return;
      }
      if (!sessions.has(sid)) {
        res.statusCode = 404;
        res.end();
        return;
      }
      res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
      res.flushHeaders();
      return; // kept open, silent
    }
    if (req.method !== 'POST') {
      res.statusCode = 405;
      res.end();
      return;
    }
    let body = '',
      chunks = null;
    req.on('data', (c) => {
      if (chunks) chunks.push(c);
      else chunks = [c];
    });
    req.on('end', () => {
      body = chunks === null ? '' : chunks.length === 1 ? chunks[0].toString() : Buffer.concat(chunks).toString();
      let m;
      try {
        m = JSON.parse(body);
      } catch {
        res.writeHead(400, { 'content-type': 'application/json' });
        res.end(core.err(null, -32700, 'Parse error'));
        return;
      }
      const headers = { 'content-type': a.sse ? 'text/event-stream' : 'application/json' };
      if (a.session && req.headers['mcp-protocol-version'] !== '2026-07-28') {
        if (m.method === 'initialize') {
          const s = randomUUID();
          sessions.add(s);
          headers['mcp-session-id'] = s;
        } else if (!sessions.has(sid)) {
          res.writeHead(sid ? 404 : 400, { 'content-type': 'application/json' });
          res.end(core.err(m.id, -32001, sid ? 'Session not found' : 'mcp-session-id needed'));
          return;
        }
      }
      if (Array.isArray(m)) {
        res.writeHead(400, { 'content-type': 'application/json' });
        res.end(core.err(null, -32600, 'No batches'));
        return;
      }
      const answer = core.handle(m);
      if (answer === null) {
        res.writeHead(202);
        res.end();
        return;
      }
      const send = (s) => {
        if (a.sse) s = `event: message\ndata: ${s}\n\n`;
        headers['content-length'] = Buffer.byteLength(s);
        res.writeHead(200, headers);
        res.end(s);
      };
      if (typeof answer === 'string') send(answer);
      else answer.then(send);
    });
  });
  server.keepAliveTimeout = 65_000;
  server.requestTimeout = 0;
  server.listen({ port, host, backlog: 4096 }, () => {
    if (!a.quiet)
      console.error(
        `upstream ${process.pid} on http://${host}:${port}${path} tools=${3 + num(a.tools, 0)} session=${!!a.session} sse=${!!a.sse}`,
      );
  });
  for (const s of ['SIGINT', 'SIGTERM']) process.on(s, () => process.exit(0));
}
