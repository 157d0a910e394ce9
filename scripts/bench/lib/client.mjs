// A small MCP client made for load tests: streamable HTTP, and the old HTTP+SSE transport (--transport sse).
import { Pool } from 'undici';

export class McpError extends Error {
  constructor(kind, message) {
    super(message ?? kind);
    this.kind = kind;
  }
}

function sseParser(onMessage) {
  let rest = '';
  return (text) => {
    rest += text;
    if (rest.includes('\r')) rest = rest.replace(/\r\n/g, '\n');
    for (let i = rest.indexOf('\n\n'); i >= 0; i = rest.indexOf('\n\n')) {
      const block = rest.slice(0, i);
      rest = rest.slice(i + 2);
      let event = 'message',
        data = null;
      for (const l of block.split('\n')) {
        if (l.startsWith('data:')) {
          const d = l.slice(l[5] === ' ' ? 6 : 5);
          data = data === null ? d : `${data}\n${d}`;
        } else if (l.startsWith('event:')) event = l.slice(6).trim();
      }
      if (data !== null && data !== '') onMessage(event, data);
    }
  };
}

export class Session {
  constructor(o) {
    this.o = o;
    this.url = new URL(o.url);
    this.path = this.url.pathname + this.url.search;
    this.pool = new Pool(this.url.origin, {
      connections: o.connections ?? 8,
      pipelining: 1,
      headersTimeout: o.timeout,
      bodyTimeout: o.transport === 'sse' || o.getStream ? 0 : o.timeout,
      connectTimeout: o.timeout,
      keepAliveTimeout: 60_000,
      keepAliveMaxTimeout: 600_000,
    });
    this.id = 0;
    this.sid = undefined;
    this.pending = new Map();
    this.modern = o.protocol >= '2026-07-28'; // the revision without initialize: version, client and capabilities travel in every request
    this.meta = this.modern
      ? {
          'io.modelcontextprotocol/protocolVersion': o.protocol,
          'io.modelcontextprotocol/clientInfo': { name: 'mcp-gateway-bench', version: '0.1.0' },
          'io.modelcontextprotocol/clientCapabilities': {},
        }
      : undefined;
    this.headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(o.headers ?? {}),
    };
  }

  #send(method, path, body, h) {
    const wanted = body && body.id !== undefined && body.method !== undefined ? body.id : undefined;
    return new Promise((resolve, reject) => {
      let status = 0,
        sse = false,
        buf = null,
        done = false,
        parser;
      const td = new TextDecoder();
      const finish = (v) => {
        if (!done) {
          done = true;
          resolve(v);
        }
      };
      this.pool.dispatch(
        { method, path, headers: h ?? this.headers, body: body === undefined ? undefined : JSON.stringify(body) },
        {
          onRequestStart() {},
          onResponseStart: (_c, s, hd) => {
            status = s;
            if (hd['mcp-session-id'] && this.sid === undefined) {
              this.sid = hd['mcp-session-id'];
              this.headers = { ...this.headers, 'mcp-session-id': this.sid };
            }
            sse = String(hd['content-type'] ?? '').startsWith('text/event-stream');
            if (sse)
              parser = sseParser((_e, d) => {
                let m;
                try {
                  m = JSON.parse(d);
                } catch {
                  return;
                }
                this.#incoming(m, wanted, (x) => finish({ status, message: x }));
              });
          },
          onResponseData: (_c, chunk) => {
            if (sse) parser(td.decode(chunk, { stream: true }));
            else {
              buf ??= [];
              buf.push(chunk);
            }
          },
          onResponseEnd: () => {
            if (done) return;
            let message;
            if (buf !== null) buf = buf.length === 1 ? buf[0] : Buffer.concat(buf);
            if (!sse && buf !== null && buf.length) {
              try {
                message = JSON.parse(buf.toString());
              } catch {
                message = undefined;
              }
            }
            finish({ status, message, raw: message === undefined && buf ? buf.toString().slice(0, 200) : undefined });
          },
          onResponseError: (_c, e) => {
            if (!done) {
              done = true;
              reject(
                new McpError(
                  e?.code === 'UND_ERR_HEADERS_TIMEOUT' || e?.code === 'UND_ERR_BODY_TIMEOUT' ? 'timeout' : 'socket',
                  e?.message,
                ),
              );
            }
          },
        },
      );
    });
  }

  #incoming(m, wanted, give) {
    if (m.method !== undefined && m.id !== undefined) {
      // a request of the server
      const a =
        m.method === 'ping'
          ? { jsonrpc: '2.0', id: m.id, result: {} }
          : m.method === 'roots/list'
            ? { jsonrpc: '2.0', id: m.id, result: { roots: [] } }
            : { jsonrpc: '2.0', id: m.id, error: { code: -32601, message: 'not supported' } };
      this.#send('POST', this.postPath ?? this.path, a).catch(() => {});
      return;
    }
    if (m.method === undefined && m.id === wanted) give(m);
  }

  // --- old transport: one GET stream, answers come on it
  #openSse() {
    return new Promise((resolve, reject) => {
      const td = new TextDecoder();
      const parser = sseParser((event, d) => {
        if (event === 'endpoint') {
          const u = new URL(d, this.url);
          this.postPath = u.pathname + u.search;
          resolve();
          return;
        }
        let m;
        try {
          m = JSON.parse(d);
        } catch {
          return;
        }
        if (m.method !== undefined) {
          this.#incoming(m);
          return;
        }
        const p = this.pending.get(m.id);
        if (p) {
          this.pending.delete(m.id);
          clearTimeout(p.t);
          p.resolve(m);
        }
      });
      const fail = (e) => {
        reject(e);
        for (const p of this.pending.values()) {
          clearTimeout(p.t);
          p.reject(e);
        }
        this.pending.clear();
      };
      this.pool.dispatch(
        { method: 'GET', path: this.path, headers: { ...this.headers, accept: 'text/event-stream' } },
        {
          onRequestStart() {},
          onResponseStart: (_c, s) => {
            if (s !== 200) fail(new McpError('http', `GET stream answered ${s}`));
          },
          onResponseData: (_c, c) => parser(td.decode(c, { stream: true })),
          onResponseEnd: () => fail(new McpError('socket', 'stream ended')),
          onResponseError: (_c, e) => fail(new McpError('socket', e?.message)),
        },
      );
    });
  }

  async request(method, params) {
    const id = ++this.id;
    const body = { jsonrpc: '2.0', id, method, params };
    let m;
    if (this.o.transport === 'sse') {
      const p = new Promise((resolve, reject) => {
        const t = setTimeout(() => {
          this.pending.delete(id);
          reject(new McpError('timeout'));
        }, this.o.timeout);
        this.pending.set(id, { resolve, reject, t });
      });
      p.catch(() => {});
      const r = await this.#send('POST', this.postPath, body);
      if (r.status >= 300) {
        const q = this.pending.get(id);
        if (q) {
          clearTimeout(q.t);
          this.pending.delete(id);
        }
        throw new McpError('http', `status ${r.status}`);
      }
      m = r.message?.id === id ? r.message : await p;
    } else {
      let h;
      if (this.modern) {
        body.params = { ...params, _meta: this.meta };
        h = { ...this.headers, 'mcp-method': method };
        if (params?.name !== undefined) h['mcp-name'] = params.name;
      }
      const r = await this.#send('POST', this.path, body, h);
      if (r.status !== 200)
        throw new McpError(
          'http',
          `${method}: status ${r.status} ${r.raw ?? JSON.stringify(r.message ?? '').slice(0, 200)}`,
        );
      m = r.message;
      if (Array.isArray(m)) m = m.find((x) => x.id === id);
    }
    if (m === undefined || m === null) throw new McpError('empty', `${method}: no answer in the response`);
    if (m.id !== id) throw new McpError('wrong-id', `${method}: asked ${id}, answered ${m.id}`);
    if (m.error) throw new McpError('rpc', `${method}: ${m.error.code} ${m.error.message}`);
    return m.result;
  }

  async connect() {
    if (this.o.transport === 'sse') await this.#openSse();
    if (this.modern) {
      this.version = this.o.protocol;
      this.headers = { ...this.headers, 'mcp-protocol-version': this.o.protocol };
      const d = await this.request('server/discover', {});
      if (!d?.supportedVersions?.includes(this.o.protocol))
        throw new McpError('bad-init', 'server/discover does not list the version');
      this.serverInfo = d._meta?.['io.modelcontextprotocol/serverInfo'];
      return d;
    }
    const r = await this.request('initialize', {
      protocolVersion: this.o.protocol,
      capabilities: {},
      clientInfo: { name: 'mcp-gateway-bench', version: '0.1.0' },
    });
    if (!r?.protocolVersion) throw new McpError('bad-init', 'initialize without protocolVersion');
    this.version = r.protocolVersion;
    this.serverInfo = r.serverInfo;
    this.headers = { ...this.headers, 'mcp-protocol-version': r.protocolVersion };
    const n = await this.#send('POST', this.postPath ?? this.path, {
      jsonrpc: '2.0',
      method: 'notifications/initialized',
    });
    if (n.status >= 300) throw new McpError('http', `notifications/initialized: status ${n.status}`);
    return r;
  }

  /** All pages of tools/list. */
  async listTools() {
    let tools = [],
      cursor,
      pages = 0;
    do {
      const r = await this.request('tools/list', cursor ? { cursor } : {});
      if (!Array.isArray(r?.tools)) throw new McpError('bad-list');
      tools = tools.concat(r.tools);
      cursor = r.nextCursor;
      if (++pages > 1000) throw new McpError('bad-list', 'endless pages');
    } while (cursor);
    return tools;
  }

  /** Opens the listening GET stream of streamable HTTP; resolves to true when the server gives one. */
  openGet() {
    return new Promise((resolve) => {
      this.pool.dispatch(
        { method: 'GET', path: this.path, headers: { ...this.headers, accept: 'text/event-stream' } },
        {
          onRequestStart: (c) => {
            this.getCtl = c;
          },
          onResponseStart: (_c, s) => resolve(s === 200),
          onResponseData() {},
          onResponseEnd() {},
          onResponseError: () => resolve(false),
        },
      );
      setTimeout(() => resolve(false), this.o.timeout).unref();
    });
  }

  async close({ del = true } = {}) {
    try {
      if (del && this.sid !== undefined && this.o.transport !== 'sse')
        await this.#send('DELETE', this.path, undefined, this.headers);
    } catch {
      /* some servers answer 405 or hang up */
    }
    try {
      await this.pool.destroy();
    } catch {
      /* already gone */
    }
  }
}
