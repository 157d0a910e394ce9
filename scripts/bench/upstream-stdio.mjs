#!/usr/bin/env node
// Same server over stdio (one JSON message a line). node upstream-stdio.mjs [--tools N] [--name NAME] [--start-delay MS]
import { num, parseArgs } from './lib/args.mjs';
import { makeCore } from './lib/server-core.mjs';

const a = parseArgs(process.argv.slice(2));
const core = makeCore({ tools: num(a.tools, 0), name: a.name });
const start = () => {
  let rest = '';
  let out = [];
  let flushing = false;
  const write = (s) => {
    // one write for all answers of a tick
    out.push(s);
    if (!flushing) {
      flushing = true;
      queueMicrotask(() => {
        flushing = false;
        const t = `${out.join('\n')}\n`;
        out = [];
        process.stdout.write(t);
      });
    }
  };
  process.stdin.setEncoding('utf8');
  process.stdin.on('data', (d) => {
    rest += d;
    let from = 0;
    for (let i = rest.indexOf('\n'); i >= 0; i = rest.indexOf('\n', from)) {
      const line = rest.slice(from, i);
      from = i + 1;
      if (line.trim() === '') continue;
      let m;
      try {
        m = JSON.parse(line);
      } catch {
        write(core.err(null, -32700, 'Parse error'));
        continue;
      }
      const ans = core.handle(m);
      if (ans === null) continue;
      if (typeof ans === 'string') write(ans);
      else ans.then(write);
    }
    rest = rest.slice(from);
  });
  process.stdin.on('end', () => process.exit(0));
};
const delay = num(a['start-delay'], 0);
if (delay) setTimeout(start, delay);
else start();
