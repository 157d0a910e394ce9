#!/usr/bin/env node
// Starts a command and measures the time until (1) the port answers, (2) initialize works, (3) tools/list has at least --min-tools tools, (4) the first right echo.
// node coldstart.mjs --url http://127.0.0.1:3000/mcp [--min-tools 1] [--runs 3] [--timeout 60] [--token T] [--header "k: v"] [--cwd DIR] -- command args...
import { spawn } from 'node:child_process';
import { num, parseArgs } from './lib/args.mjs';
import { Session } from './lib/client.mjs';
import { usage } from './lib/proc.mjs';
import { median } from './lib/stats.mjs';

const argv = process.argv.slice(2),
  cut = argv.indexOf('--');
const a = parseArgs(argv.slice(0, cut), { multi: ['header', 'env'], flags: ['verbose'] }),
  cmd = argv.slice(cut + 1);
const headers = {};
if (a.token) headers.authorization = `Bearer ${a.token}`;
for (const h of a.header) {
  const i = h.indexOf(':');
  headers[h.slice(0, i).trim().toLowerCase()] = h.slice(i + 1).trim();
}
const limit = num(a.timeout, 60) * 1000,
  minTools = num(a['min-tools'], 1),
  suffix = a.tool ?? 'echo';
const env = { ...process.env };
for (const e of a.env) {
  const i = e.indexOf('=');
  env[e.slice(0, i)] = e.slice(i + 1);
}

async function once() {
  const t0 = performance.now();
  const r = {};
  const at = () => +(performance.now() - t0).toFixed(1);
  const p = spawn(cmd[0], cmd.slice(1), { stdio: a.verbose ? 'inherit' : 'ignore', cwd: a.cwd, env, detached: true });
  let gone = false;
  p.on('exit', (c) => {
    gone = true;
    r.exit ??= c;
  });
  let s;
  try {
    while (!gone && at() < limit) {
      try {
        if (!s) {
          const x = new Session({
            url: a.url,
            headers,
            transport: a.transport ?? 'http',
            protocol: a.protocol ?? '2025-06-18',
            timeout: 5000,
          });
          try {
            await x.connect();
          } catch (e) {
            await x.close({ del: false });
            if (e.kind !== 'socket') r.port_ms ??= at();
            throw e;
          }
          s = x;
          r.initialize_ms ??= at();
          r.port_ms ??= at();
        }
        const tools = await s.listTools();
        r.tools = tools.length;
        if (tools.length < minTools) throw new Error('not yet');
        r.tools_ms ??= at();
        const t = tools.find((x) => x.name.endsWith(suffix));
        if (!t) throw new Error('no echo yet');
        const sent = `cold-${Date.now()}`;
        const c = await s.request('tools/call', { name: t.name, arguments: { message: sent } });
        if (c.content?.[0]?.text === sent) {
          r.first_call_ms = at();
          break;
        }
        throw new Error('wrong answer');
      } catch (e) {
        r.last = e.message?.slice(0, 120);
        if (s && e.kind) {
          await s.close();
          s = undefined;
        }
        await new Promise((x) => setTimeout(x, 10));
      }
    }
    const u = usage([p.pid]);
    r.rss_mib = u.rss_mib;
    r.pss_mib = u.pss_mib;
    r.processes = u.pids.length;
    r.cpu_s = u.cpu_s;
  } finally {
    if (s) await s.close();
    try {
      process.kill(-p.pid, 'SIGTERM');
    } catch {
      /* ended */
    }
    const end = performance.now();
    while (!gone && performance.now() - end < 5000) await new Promise((x) => setTimeout(x, 50));
    if (!gone) {
      r.killed = true;
      try {
        process.kill(-p.pid, 'SIGKILL');
      } catch {
        /* ended */
      }
    }
    r.stop_ms = +(performance.now() - end).toFixed(0);
  }
  if (r.first_call_ms) delete r.last;
  return r;
}
const runs = [];
for (let i = 0; i < num(a.runs, 3); i++) {
  runs.push(await once());
  await new Promise((x) => setTimeout(x, 500));
}
console.log(
  JSON.stringify({
    url: a.url,
    first_call_ms: median(runs.map((r) => r.first_call_ms)),
    tools_ms: median(runs.map((r) => r.tools_ms)),
    initialize_ms: median(runs.map((r) => r.initialize_ms)),
    rss_mib: median(runs.map((r) => r.rss_mib)),
    runs,
  }),
);
process.exit(0);
