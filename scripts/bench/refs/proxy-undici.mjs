#!/usr/bin/env node
import cluster from 'node:cluster';
// Reference point: node:http server in front, undici Pool.dispatch behind; request parsed (a gateway must read the tool name), answer passed on as bytes. The best simple Node gateway path.
// node refs/proxy-undici.mjs --port 9210 --to http://127.0.0.1:9100 [--connections 64] [--prefix up__] [--workers N]
// --prefix: tool names are rewritten as an aggregating gateway does (tools/list is parsed and cached, tools/call renamed)
import http from 'node:http';
import { Pool } from 'undici';
import { num, parseArgs } from '../lib/args.mjs';

const a = parseArgs(process.argv.slice(2));
const workers = num(a.workers, 1);
if (workers > 1 && cluster.isPrimary) {
  for (let i = 0; i < workers; i++) cluster.fork();
} else {
  const to = new URL(a.to ?? 'http://127.0.0.1:9100'),
    pool = new Pool(to.origin, { connections: num(a.connections, 64), pipelining: 1 }),
    prefix = a.prefix ?? '';
  http
    .createServer((req, res) => {
      const chunks = [];
      req.on('data', (c) => chunks.push(c));
      req.on('end', () => {
        let body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks),
          m = null;
        if (body.length) {
          try {
            m = JSON.parse(body.toString());
          } catch {
            res.writeHead(400);
            res.end();
            return;
          }
        }
        if (prefix && m?.method === 'tools/call' && m.params?.name?.startsWith(prefix)) {
          m.params.name = m.params.name.slice(prefix.length);
          body = JSON.stringify(m);
        }
        const h = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
        if (req.headers['mcp-session-id']) h['mcp-session-id'] = req.headers['mcp-session-id'];
        if (req.headers['mcp-protocol-version']) h['mcp-protocol-version'] = req.headers['mcp-protocol-version'];
        const list = prefix && m?.method === 'tools/list';
        let parts = null;
        pool.dispatch(
          { method: req.method, path: req.url, headers: h, body: body.length ? body : null },
          {
            onRequestStart() {},
            onResponseStart(_c, status, hd) {
              const o = {};
              for (const k of ['content-type', 'content-length', 'mcp-session-id'])
                if (hd[k] !== undefined && !(list && k === 'content-length')) o[k] = hd[k];
              res.writeHead(status, o);
            },
            onResponseData(_c, d) {
              if (list) parts = [...(parts ?? []), d];
              else res.write(d);
            },
            onResponseEnd() {
              if (list && parts) {
                const j = JSON.parse(Buffer.concat(parts).toString());
                for (const t of j.result?.tools ?? []) t.name = prefix + t.name;
                res.end(JSON.stringify(j));
              } else res.end();
            },
            onResponseError() {
              if (!res.headersSent) res.writeHead(502);
              res.end();
            },
          },
        );
      });
    })
    .listen({ port: num(a.port, 9210), host: '127.0.0.1', backlog: 4096 });
  for (const s of ['SIGINT', 'SIGTERM']) process.on(s, () => process.exit(0));
}
