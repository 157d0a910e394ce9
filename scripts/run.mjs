// The commands behind `npm start`, `npm test` and the others. Works on a bare clone: only node: modules are imported
// before the packages are installed, and help or an old Node is answered before anything else.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

const leastNode = [20, 19];

const usage = `MCPHub

  npm start                  install, build and run the hub; Ctrl-C stops it
  npm start -- --no-web      the same without the dashboard
  npm run dev                run from the sources, with reload
  npm test                   all tests; says what it skips and why
  npm test -- unit           one kind: unit, integration or browser; a file name may follow
  npm run check              types, lint, dead code, architecture and unit tests, in seconds
  npm run bench              measure speed and memory against simple proxies
  npm run bench:routing      measure how well requests find their tools
  npm run audit:verify       check that nobody changed the audit trail; exit code 0 or 1
  npm run secrets:rotate     put the stored secrets of the running hub under a new key
  npm run screenshots        take the pictures of the README from a seeded hub

Settings are environment variables or lines of a .env file: see .env.example.
`;

const commands = {
  async start(args) {
    const { ensurePrograms, ensureWeb } = await prepared();
    loadSettings();
    await ensurePrograms();
    if (!args.includes('--no-web')) await ensureWeb(process.env.MCPHUB_PUBLIC_URL);
    const { launch } = await import('../dist/launcher.mjs');
    await launch({ mode: 'production', web: !args.includes('--no-web') });
  },
  async dev(args) {
    await prepared();
    loadSettings();
    const { launch } = await sources('./launcher.ts');
    await launch({ mode: 'development', web: !args.includes('--no-web') });
  },
  async test(args) {
    await prepared();
    const { test } = await sources('./test/main.ts');
    process.exitCode = await test(args);
  },
  async check() {
    await prepared();
    const { check } = await sources('./test/main.ts');
    process.exitCode = await check();
  },
  async 'secrets:rotate'() {
    await prepared();
    loadSettings();
    const { rotateSecrets } = await sources('./rotate-secrets.ts');
    process.exitCode = await rotateSecrets();
  },
  async bench(args) {
    const { ensurePrograms } = await prepared();
    await ensurePrograms();
    const { bench } = await sources('./bench/main.ts');
    process.exitCode = await bench(args);
  },
  async 'bench:routing'() {
    await prepared();
    loadSettings();
    const { benchRouting } = await sources('./bench/routing/main.ts');
    process.exitCode = await benchRouting();
  },
  async 'audit:verify'() {
    await prepared();
    loadSettings();
    const { verifyAudit } = await sources('./audit.ts');
    process.exitCode = await verifyAudit();
  },
  async screenshots(args) {
    const { ensurePrograms, ensureWeb } = await prepared();
    await ensurePrograms();
    await ensureWeb();
    const { screenshots } = await sources('./screenshots/main.ts');
    process.exitCode = await screenshots(args);
  },
};

/** The root becomes the working directory and the packages get installed. */
async function prepared() {
  const prepare = await import('./prepare.mjs');
  process.chdir(prepare.root);
  await prepare.ensureInstalled();
  return prepare;
}

/** Imports a TypeScript module; Node 20 cannot do so by itself. */
async function sources(path) {
  const { register } = await import('tsx/esm/api');
  register();
  return import(path);
}

/** The environment wins over .env. */
function loadSettings() {
  const file = join(process.cwd(), '.env');
  if (existsSync(file)) process.loadEnvFile(file);
}

async function main([name = '', ...args]) {
  if (args.includes('--help') || args.includes('-h') || ['', 'help', '--help', '-h'].includes(name)) {
    process.stdout.write(usage);
    return;
  }
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < leastNode[0] || (major === leastNode[0] && minor < leastNode[1])) {
    process.stderr.write(
      `MCPHub needs Node ${leastNode.join('.')} or newer; this is Node ${process.versions.node} (${process.execPath}).\n` +
        'Install a newer one from https://nodejs.org or with your version manager, e.g. "nvm install 24".\n',
    );
    process.exitCode = 1;
    return;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) {
    process.stderr.write(`There is no command "${name}".\n\n${usage}`);
    process.exitCode = 2;
    return;
  }
  try {
    await command(args);
  } catch (error) {
    if (error?.name !== 'StepError') throw error;
    process.exitCode = 1;
  }
}

process.env.NEXT_TELEMETRY_DISABLED = '1';
await main(process.argv.slice(2));
