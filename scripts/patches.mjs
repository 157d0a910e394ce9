// Mends faults of packages that have no release without them. Each patch names the exact lines that it replaces, so an
// update of the package that changes them is noticed here and not in production. Only node: modules.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const patches = [
  {
    // github.com/porsager/postgres/issues/1208: a write that was put off runs after its connection is gone, and the
    // exception ends the process; what was put off must not be sent on the next connection either.
    files: ['postgres/src/connection.js', 'postgres/cjs/src/connection.js'],
    replace: [
      [
        '    const x = socket.write(chunk, fn)\n',
        '    if (socket === null) {\n      chunk = nextWriteTimer = null\n      return false\n    }\n    const x = socket.write(chunk, fn)\n',
      ],
      [
        '    clearImmediate(nextWriteTimer)\n    socket.removeListener',
        '    clearImmediate(nextWriteTimer)\n    chunk = nextWriteTimer = null\n    socket.removeListener',
      ],
    ],
  },
];

/** Applies what is not applied yet. @throws Error when a patch fits no more */
export function applyPatches(nodeModules) {
  for (const { files, replace } of patches) {
    for (const path of files.map((file) => join(nodeModules, file)).filter((file) => existsSync(file))) {
      const before = readFileSync(path, 'utf8');
      const after = replace.reduce((text, [from, to]) => patched(path, text, from, to), before);
      if (after === before) continue;
      // In one step: another start may read it right now.
      writeFileSync(`${path}.patched`, after);
      renameSync(`${path}.patched`, path);
    }
  }
}

function patched(path, text, from, to) {
  if (text.includes(to)) return text;
  if (text.split(from).length !== 2)
    throw new Error(`The patch of ${path} does not fit any more: see scripts/patches.mjs.`);
  return text.replace(from, () => to);
}
