#!/usr/bin/env node
// Load generator that speaks MCP. See README.md. Prints one JSON object.
import { num, parseArgs } from './lib/args.mjs';
import { McpError, Session } from './lib/client.mjs';
import { pidsOfPort, usage } from './lib/proc.mjs';
import { percentiles } from './lib/stats.mjs';

const a = parseArgs(process.argv.slice(2), { multi: ['header'], flags: ['sse-get', 'spin'] });
const url = a.url ?? a._[0];
if (!url) {
  console.error(
    'usage: load.mjs --url URL [--concurrency 16] [--duration 10] [--warmup 2] [--method call|list|connect|session|hold] [--payload 64] [--rate N] [--token T] [--header "k: v"] [--transport http|sse] [--tool SUFFIX] [--args JSON] [--protocol 2025-06-18] [--timeout 30000] [--spin] [--from due] [--sessions N --pid P --sse-get --settle MS (hold)]',
  );
  process.exit(2);
}
const headers = {};
if (a.token) headers.authorization = `Bearer ${a.token}`;
for (const h of a.header) {
  const i = h.indexOf(':');
  headers[h.slice(0, i).trim().toLowerCase()] = h.slice(i + 1).trim();
}
const method = a.method ?? 'call',
  C = num(a.concurrency, 16),
  duration = num(a.duration, 10) * 1000,
  warmup = num(a.warmup, 2) * 1000,
  payload = num(a.payload, 64),
  rate = num(a.rate, 0),
  timeout = num(a.timeout, 30_000);
const suffix = a.tool ?? 'echo';
const o = {
  url,
  headers,
  transport: a.transport ?? 'http',
  protocol: a.protocol ?? '2025-06-18',
  timeout,
  getStream: !!a['sse-get'],
};
const fixedArgs = a.args ? JSON.parse(a.args) : null;

const errors = {};
const samples = [];
const fail = (e) => {
  const k = e instanceof McpError ? e.kind : 'exception';
  errors[k] = (errors[k] ?? 0) + 1;
  if (samples.length < 5) samples.push(`${k}: ${e.message}`.slice(0, 300));
};

let seq = 0;
const run = Math.random().toString(36).slice(2, 8);
const pad = 'x'.repeat(Math.max(0, payload));
const fresh = () => `${run}-${(seq++).toString(36)}-${pad}`.slice(0, Math.max(payload, 16));

function pickTool(tools) {
  const t = tools.find((x) => x.name === suffix) ?? tools.find((x) => x.name.endsWith(suffix));
  if (!t)
    throw new McpError(
      'no-tool',
      `no tool whose name ends with ${suffix}: ${tools
        .slice(0, 5)
        .map((x) => x.name)
        .join(', ')} (${tools.length})`,
    );
  return t.name;
}
let expectTools;
async function list(s) {
  const t = await s.listTools();
  if (expectTools === undefined) expectTools = t.length;
  else if (t.length !== expectTools)
    throw new McpError('mismatch', `tools/list gave ${t.length}, first answer had ${expectTools}`);
  return t;
}
async function call(s) {
  if (suffix === 'echo' && !fixedArgs) {
    const sent = fresh();
    const r = await s.request('tools/call', { name: s.tool, arguments: { message: sent } });
    if (r?.isError) throw new McpError('tool-error', JSON.stringify(r).slice(0, 200));
    if (r?.content?.[0]?.text !== sent)
      throw new McpError('mismatch', `sent ${sent.slice(0, 40)}, got ${JSON.stringify(r).slice(0, 160)}`);
  } else {
    const r = await s.request('tools/call', { name: s.tool, arguments: fixedArgs ?? {} });
    if (r?.isError || !Array.isArray(r?.content)) throw new McpError('tool-error', JSON.stringify(r).slice(0, 200));
  }
}
async function open() {
  const s = new Session(o);
  try {
    await s.connect();
  } catch (e) {
    await s.close({ del: false });
    throw e;
  }
  return s;
}
const ops = {
  call,
  list,
  async connect() {
    const s = await open();
    await s.close();
  },
  async session() {
    const s = await open();
    try {
      s.tool = pickTool(await list(s));
      await call(s);
    } finally {
      await s.close();
    }
  },
};

async function hold() {
  const N = num(a.sessions, 1000),
    pids = a.pid ? String(a.pid).split(',').map(Number) : pidsOfPort(Number(new URL(url).port));
  const w = await open();
  w.tool = pickTool(await list(w));
  for (let i = 0; i < 50; i++) await call(w); // warm the code paths before the first reading
  await new Promise((r) => setTimeout(r, num(a.settle, 3000)));
  const before = usage(pids);
  const all = [];
  let i = 0,
    gets = 0;
  const t0 = performance.now();
  await Promise.all(
    Array.from({ length: Math.min(C, N) }, async () => {
      while (i < N) {
        i++;
        try {
          const s = new Session({ ...o, connections: a['sse-get'] || o.transport === 'sse' ? 2 : 1 });
          await s.connect();
          s.tool = w.tool;
          await call(s);
          if (a['sse-get'] && (await s.openGet())) gets++;
          all.push(s);
        } catch (e) {
          fail(e);
        }
      }
    }),
  );
  const opened = performance.now() - t0;
  await new Promise((r) => setTimeout(r, num(a.settle, 3000)));
  const after = usage(pids);
  let alive = 0;
  for (const s of all) {
    try {
      await call(s);
      alive++;
    } catch (e) {
      fail(e);
    }
  }
  await Promise.all(all.map((s) => s.close({ del: a.delete !== 'no' })));
  await w.close();
  await new Promise((r) => setTimeout(r, num(a.settle, 3000)));
  const end = usage(pids);
  return {
    method: 'hold',
    url,
    sessions: all.length,
    get_streams: gets,
    alive,
    open_s: +(opened / 1000).toFixed(2),
    connects_per_s: +((all.length / opened) * 1000).toFixed(1),
    pids,
    rss_mib: [before.rss_mib, after.rss_mib, end.rss_mib],
    pss_mib: [before.pss_mib, after.pss_mib, end.pss_mib],
    processes: [before.pids.length, after.pids.length, end.pids.length],
    mib_per_1000: +(((after.pss_mib - before.pss_mib) / Math.max(1, all.length)) * 1000).toFixed(2),
    errors,
  };
}

async function main() {
  if (method === 'hold') return hold();
  const op = ops[method];
  if (!op) throw new Error(`unknown method ${method}`);
  const sessions = [];
  let setupMs = 0;
  const own = method === 'call' || method === 'list';
  if (own) {
    const t0 = performance.now();
    let i = 0;
    await Promise.all(
      Array.from({ length: Math.min(16, C) }, async () => {
        while (i < C) {
          i++;
          const s = await open();
          if (method === 'call') {
            s.tool = pickTool(sessions[0]?.tool && a['list-once'] ? [{ name: sessions[0].tool }] : await list(s));
          }
          sessions.push(s);
        }
      }),
    );
    setupMs = performance.now() - t0;
  } else for (let i = 0; i < C; i++) sessions.push({});
  const first = sessions[0];
  const lat = [],
    lag = [];
  const cpu0 = process.cpuUsage();
  const start = performance.now(),
    w0 = start + warmup,
    t1 = w0 + duration;
  let calls = 0,
    errWindow = 0,
    unfinished = 0;

  if (!rate) {
    // closed loop
    await Promise.all(
      sessions.map(async (s) => {
        for (;;) {
          const b = performance.now();
          if (b >= t1) return;
          let good = true;
          try {
            await op(s);
          } catch (e) {
            good = false;
            if (b >= w0) fail(e);
            if (e.kind === 'socket') await new Promise((r) => setTimeout(r, 5));
          }
          const e = performance.now();
          if (e >= w0 && e <= t1) {
            if (good) {
              calls++;
              lat.push(e - b);
            } else errWindow++;
          }
        }
      }),
    );
  } else {
    // open loop: arrivals at a fixed rate, whatever the answers do; a wait for a free session counts as latency
    const idle = [...sessions];
    const queue = [];
    let inflight = 0,
      k = 0;
    const step = 1000 / rate;
    let wake;
    const go = (s, t) => {
      inflight++;
      op(s)
        .then(
          () => true,
          (e) => {
            if (t >= w0) fail(e);
            return false;
          },
        )
        .then((good) => {
          const e = performance.now();
          inflight--;
          if (t >= w0 && t < t1) {
            if (good) {
              calls++;
              lat.push(e - t);
            } else errWindow++;
          }
          const q = queue.shift();
          if (q !== undefined) go(s, q);
          else idle.push(s);
          if (wake && inflight === 0 && queue.length === 0) wake();
        });
    };
    await new Promise((res) => {
      const tick = () => {
        const now = performance.now();
        while (k * step + start <= now && k * step + start < t1) {
          const due = k * step + start;
          k++;
          if (due >= w0) lag.push(now - due);
          const s = idle.pop();
          const t = a.from === 'due' ? due : now;
          if (s) go(s, t);
          else queue.push(t);
        }
        if (k * step + start >= t1) {
          res();
          return;
        }
        const wait = k * step + start - performance.now();
        if (!a.spin) setTimeout(tick, Math.max(1, Math.floor(wait)));
        else if (wait > 1.5) setTimeout(tick, Math.floor(wait - 0.5));
        else setImmediate(tick);
      };
      tick();
    });
    if (inflight || queue.length)
      await Promise.race([
        new Promise((r) => {
          wake = r;
        }),
        new Promise((r) => setTimeout(r, timeout)),
      ]);
    unfinished = inflight + queue.length;
    if (unfinished) {
      errors.unfinished = unfinished;
      errWindow += unfinished;
      const e = performance.now();
      for (const t of queue) lat.push(e - t);
    }
  }
  const cpu = process.cpuUsage(cpu0);
  const out = {
    method,
    url,
    transport: o.transport,
    concurrency: C,
    rate: rate || null,
    payload,
    duration_s: duration / 1000,
    warmup_s: warmup / 1000,
    calls,
    errors: errWindow,
    calls_per_s: +(calls / (duration / 1000)).toFixed(1),
    latency_ms: percentiles(lat),
    error_kinds: errors,
    error_samples: samples,
    tool: first?.tool,
    tools: expectTools,
    protocol: first?.version,
    server: first?.serverInfo,
    session_ids: !!first?.sid,
    setup_ms: own ? +setupMs.toFixed(1) : null,
    generator_cpu: +((cpu.user + cpu.system) / 1000 / (performance.now() - start)).toFixed(3),
  };
  if (rate) out.schedule_lag_ms = percentiles(lag);
  await Promise.race([
    Promise.all(sessions.map((s) => (s.close ? s.close() : 0))),
    new Promise((r) => setTimeout(r, 3000)),
  ]);
  return out;
}
main().then(
  (r) => {
    process.stdout.write(`${JSON.stringify(r)}\n`);
    process.exit(0);
  },
  (e) => {
    process.stdout.write(
      JSON.stringify({ url, method, concurrency: C, failed: `${e.kind ?? ''} ${e.message}`.trim().slice(0, 400) }) +
        '\n',
    );
    process.exit(1);
  },
);
