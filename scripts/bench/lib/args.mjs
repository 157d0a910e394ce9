// Tiny command-line parser: --key value, --key=value, --flag. Repeated keys make an array for keys named in `multi`.
export function parseArgs(argv, { multi = [], flags = [] } = {}) {
  const out = { _: [] };
  for (const m of multi) out[m] = [];
  for (let i = 0; i < argv.length; i++) {
    const a = argv[i];
    if (!a.startsWith('--')) {
      out._.push(a);
      continue;
    }
    let key = a.slice(2),
      val;
    const eq = key.indexOf('=');
    if (eq >= 0) {
      val = key.slice(eq + 1);
      key = key.slice(0, eq);
    } else if (flags.includes(key)) val = true;
    else {
      val = argv[++i];
      if (val === undefined) throw new Error(`--${key} needs a value`);
    }
    if (multi.includes(key)) out[key].push(val);
    else out[key] = val;
  }
  return out;
}
export const num = (v, d) => (v === undefined ? d : Number(v));
