// A clock for promises such as "within 1 s", which a loaded machine must not break: it does not count the time in which
// other programs kept this process from running. Time in which this process itself was busy counts in full.

const tickMs = 10;
/** A timer may come this late on a quiet machine. */
const quietMs = 2 * tickMs;

let fairMs = 0;
let wallMs = performance.now();
let cpu = process.cpuUsage();

setInterval(sample, tickMs).unref();

/** Like performance.now(); only differences of it mean something. */
export function fairNow(): number {
  return sample();
}

function sample(): number {
  const now = performance.now();
  const passedMs = now - wallMs;
  const { user, system } = process.cpuUsage(cpu);
  fairMs += passedMs <= quietMs ? passedMs : Math.max(quietMs, Math.min(passedMs, (user + system) / 1000));
  wallMs = now;
  cpu = process.cpuUsage();
  return fairMs;
}
