// Reads of /proc (Linux only): process trees, CPU time, memory, the pids that listen on a port.
import fs from 'node:fs';

const HZ = 100; // USER_HZ; 100 on every common Linux

const read = (p) => {
  try {
    return fs.readFileSync(p, 'utf8');
  } catch {
    return null;
  }
};
const pids = () =>
  fs
    .readdirSync('/proc')
    .filter((d) => /^\d+$/.test(d))
    .map(Number);

function stat(pid) {
  const s = read(`/proc/${pid}/stat`);
  if (!s) return null;
  const f = s.slice(s.lastIndexOf(')') + 2).split(' ');
  return { pid, ppid: +f[1], cpu: (+f[11] + +f[12]) / HZ, start: +f[19] };
}
function tree(rootPids) {
  const kids = new Map();
  for (const p of pids()) {
    const s = stat(p);
    if (s) {
      if (!kids.has(s.ppid)) kids.set(s.ppid, []);
      kids.get(s.ppid).push(p);
    }
  }
  const seen = new Set();
  const todo = [...rootPids];
  while (todo.length) {
    const p = todo.pop();
    if (seen.has(p) || !fs.existsSync(`/proc/${p}`)) continue;
    seen.add(p);
    for (const k of kids.get(p) ?? []) todo.push(k);
  }
  return [...seen];
}
function mem(pid) {
  const st = read(`/proc/${pid}/status`);
  const rss = st ? +(st.match(/VmRSS:\s+(\d+)/)?.[1] ?? 0) : 0;
  const ro = read(`/proc/${pid}/smaps_rollup`);
  const pss = ro ? +(ro.match(/^Pss:\s+(\d+)/m)?.[1] ?? 0) : rss;
  return { rss, pss };
}
/** CPU seconds and memory (MiB) of the given processes and all their descendants. */
export function usage(rootPids, { self = false } = {}) {
  const list = self ? rootPids : tree(rootPids);
  let cpu = 0,
    rss = 0,
    pss = 0;
  for (const p of list) {
    const s = stat(p);
    if (!s) continue;
    cpu += s.cpu;
    const m = mem(p);
    rss += m.rss;
    pss += m.pss;
  }
  return { pids: list, cpu_s: +cpu.toFixed(2), rss_mib: +(rss / 1024).toFixed(1), pss_mib: +(pss / 1024).toFixed(1) };
}
/** Pids that hold a listening TCP socket on the port; the topmost ones only. */
export function pidsOfPort(port) {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = new Set();
  for (const f of ['/proc/net/tcp', '/proc/net/tcp6'])
    for (const l of (read(f) ?? '').split('\n').slice(1)) {
      const c = l.trim().split(/\s+/);
      if (c[1]?.endsWith(`:${hex}`) && c[3] === '0A') inodes.add(c[9]);
    }
  const hit = [];
  for (const p of pids()) {
    let fds;
    try {
      fds = fs.readdirSync(`/proc/${p}/fd`);
    } catch {
      continue;
    }
    for (const fd of fds) {
      let t;
      try {
        t = fs.readlinkSync(`/proc/${p}/fd/${fd}`);
      } catch {
        continue;
      }
      const m = /^socket:\[(\d+)\]$/.exec(t);
      if (m && inodes.has(m[1])) {
        hit.push(p);
        break;
      }
    }
  }
  return hit.filter((p) => !hit.includes(stat(p)?.ppid));
}
