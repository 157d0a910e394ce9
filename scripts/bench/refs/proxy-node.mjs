#!/usr/bin/env node
// Reference point: raw node:http reverse proxy, body streamed through, keep-alive on both sides. The practical limit for one Node process that does nothing.
// node refs/proxy-node.mjs --port 9200 --to http://127.0.0.1:9100 [--parse]   (--parse: JSON.parse + JSON.stringify of both bodies, what a gateway cannot avoid when it rewrites names)
import http from 'node:http';
import { num, parseArgs } from '../lib/args.mjs';

const a = parseArgs(process.argv.slice(2), { flags: ['parse'] });
const to = new URL(a.to ?? 'http://127.0.0.1:9100'),
  agent = new http.Agent({ keepAlive: true, maxSockets: 1024, scheduling: 'lifo' });
const read = (m, cb) => {
  const c = [];
  m.on('data', (d) => c.push(d));
  m.on('end', () => cb(c.length === 1 ? c[0] : Buffer.concat(c)));
};
const server = http.createServer((req, res) => {
  const h = { ...req.headers };
  delete h.connection;
  delete h.host;
  const bad = () => {
    if (!res.headersSent) res.writeHead(502);
    res.end();
  };
  if (!a.parse) {
    const up = http.request(
      { host: to.hostname, port: to.port, method: req.method, path: req.url, headers: h, agent },
      (r) => {
        const rh = { ...r.headers };
        delete rh.connection;
        delete rh['keep-alive'];
        res.writeHead(r.statusCode, rh);
        r.pipe(res);
      },
    );
    up.on('error', bad);
    req.pipe(up);
    return;
  }
  read(req, (b) => {
    const out = b.length ? JSON.stringify(JSON.parse(b.toString())) : '';
    h['content-length'] = Buffer.byteLength(out);
    const up = http.request(
      { host: to.hostname, port: to.port, method: req.method, path: req.url, headers: h, agent },
      (r) =>
        read(r, (rb) => {
          const rh = { ...r.headers };
          delete rh.connection;
          delete rh['keep-alive'];
          delete rh['transfer-encoding'];
          const json = String(rh['content-type'] ?? '').startsWith('application/json') && rb.length;
          const o = json ? JSON.stringify(JSON.parse(rb.toString())) : rb;
          rh['content-length'] = Buffer.byteLength(o);
          res.writeHead(r.statusCode, rh);
          res.end(o);
        }),
    );
    up.on('error', bad);
    up.end(out);
  });
});
server.keepAliveTimeout = 65_000;
server.listen({ port: num(a.port, 9200), host: '127.0.0.1', backlog: 4096 }, () =>
  console.error(`proxy ${process.pid} ${num(a.port, 9200)} -> ${to.href} parse=${!!a.parse}`),
);
for (const s of ['SIGINT', 'SIGTERM']) process.on(s, () => process.exit(0));
