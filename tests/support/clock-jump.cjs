// Loaded into the programs of a hub (NODE_OPTIONS=--require): on SIGUSR2 the wall clock, as the program sees it, goes to
// what MCPHUB_DATA_DIR/clock-offset says (milliseconds). The monotonic clock does not jump, as on a real machine.
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const RealDate = Date;
let offsetMs = 0;
const now = () => RealDate.now() + offsetMs;
globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, made) => Reflect.construct(target, args.length === 0 ? [now()] : args, made),
  apply: () => new RealDate(now()).toString(),
  get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
});
process.on('SIGUSR2', () => {
  offsetMs = Number(readFileSync(join(process.env.MCPHUB_DATA_DIR, 'clock-offset'), 'utf8'));
});
