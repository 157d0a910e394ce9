// Bundles the plain Node programs of the hub into dist/: Node 20 strips no types, and one file starts faster than many.
// Packages stay outside the bundles and are loaded from node_modules.
// Run: node scripts/build.mjs
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const programs = {
  worker: 'worker/main.ts',
  database: 'lib/db/embedded/main.ts',
  launcher: 'scripts/launcher.ts',
  primary: 'scripts/launcher/primary.ts',
};

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
    packages: 'external',
    sourcemap: true,
    logLevel: 'error',
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await buildPrograms().catch(() => {
    process.exitCode = 1; // esbuild has printed what is wrong
  });
}
