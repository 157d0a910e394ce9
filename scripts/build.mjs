// Bundles the plain Node programs of the hub into dist/, packages included: Node 20 strips no types, and one file loads in
// a fraction of the time that hundreds take. What has native code or files beside its code stays in node_modules.
// Run: node scripts/build.mjs
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const programs = {
  worker: 'worker/main.ts',
  'openapi-thread': 'worker/upstream/openapi/thread.ts',
  'search-thread': 'worker/search/thread.ts',
  database: 'lib/db/embedded/main.ts',
  launcher: 'scripts/launcher.ts',
  primary: 'scripts/launcher/primary.ts',
};

/** The last two are optional parts of a package, which does without them. */
const outside = ['@node-rs/argon2', '@electric-sql/*', 'bufferutil', 'utf-8-validate'];

/** Packages that are no ES modules ask for Node's own modules by `require`. */
const requireForPackages =
  "import { createRequire as createRequireForPackages } from 'node:module';\nconst require = createRequireForPackages(import.meta.url);";

async function buildPrograms(outdir = join(root, 'dist')) {
  await build({
    absWorkingDir: root,
    entryPoints: programs,
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: outside,
    mainFields: ['module', 'main'],
    banner: { js: requireForPackages },
    sourcemap: true,
    logLevel: 'error',
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await buildPrograms().catch(() => {
    process.exitCode = 1; // esbuild has printed what is wrong
  });
}
