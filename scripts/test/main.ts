// `npm test` and `npm run check`. Runs every kind of test, brings up the real parts they need, and ends with one table
// and one plain line. What cannot run is named with its reason, and fails when MCPHUB_TEST_REQUIRE lists it.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { envSchema, fileSettings } from '../../lib/env';
import { ensurePrograms, ensureWeb } from '../prepare.mjs';
import { allowedAdvisories, auditCommand, judgeAdvisories } from './advisories';
import { providePgvector } from './pgvector';
import { capture, endPrograms, show } from './programs';
import { type Part, provideChromium, providePostgres, provideRedis } from './services';

interface Tally {
  kind: string;
  passed: number;
  failed: number;
  skipped: number;
  seconds: number;
}

const kinds = ['unit', 'integration', 'conformance', 'browser'] as const;
type Kind = (typeof kinds)[number];

const bin = {
  next: 'node_modules/next/dist/bin/next',
  tsc: 'node_modules/typescript/bin/tsc',
  biome: 'node_modules/@biomejs/biome/bin/biome',
  knip: 'node_modules/knip/bin/knip.js',
  vitest: 'node_modules/vitest/vitest.mjs',
  playwright: 'node_modules/@playwright/test/cli.js',
};

/** @param args nothing for everything, or a kind and file filters. @returns the exit code */
export async function test(args: string[]): Promise<number> {
  const [kind, ...filters] = args;
  if (kind !== undefined && !kinds.includes(kind as Kind)) {
    process.stderr.write(`There is no kind of tests "${kind}": use ${kinds.join(', ')}, or none for all.\n`);
    return 2;
  }
  const run = createRun();
  try {
    if (!kind) await Promise.all([checks(run), advisories(run)]);
    if (!kind || kind === 'unit') await run.attempt('unit', () => vitest(run, 'unit', filters));
    if (!kind || kind === 'integration') await run.attempt('integration', () => integration(run, filters));
    if (!kind || kind === 'conformance') await run.attempt('conformance', () => conformance(run, filters));
    if (!kind || kind === 'browser') await run.attempt('browser', () => browser(run, filters));
  } finally {
    await run.close();
  }
  return report(run);
}

/** Types, lint, dead code, architecture and unit tests: needs nothing but the packages. @returns the exit code */
export async function check(): Promise<number> {
  const run = createRun();
  try {
    await checks(run);
    await vitest(run, 'unit', []);
  } finally {
    await run.close();
  }
  return report(run);
}

type Run = ReturnType<typeof createRun>;

function createRun() {
  const tallies: Tally[] = [];
  const skips: string[] = [];
  const parts: Record<string, Promise<Part>> = {};
  const required = (process.env.MCPHUB_TEST_REQUIRE ?? '').split(',').map((name) => name.trim());
  const dir = mkdtempSync(join(tmpdir(), 'mcphub-test-'));
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    NODE_ENV: 'test',
    NEXT_TELEMETRY_DISABLED: '1',
    TMPDIR: dir, // what an interrupted test leaves goes with it
  };
  // The settings of whoever runs the tests must not reach the hubs under test.
  for (const key of [...Object.keys(envSchema.shape), ...fileSettings.map((each) => `${each}_FILE`)]) delete env[key];

  const removeDir = () => rmSync(dir, { recursive: true, force: true });
  process.once('exit', removeDir);

  /** First the tests, then what they use. Idempotent. */
  let closing: Promise<void> | undefined;
  async function closeAll(): Promise<void> {
    await endPrograms();
    for (const part of await Promise.all(Object.values(parts))) if ('stop' in part) await part.stop();
    removeDir();
  }
  function close(): Promise<void> {
    closing ??= closeAll();
    return closing;
  }
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.on(signal, () => void close().finally(() => process.exit(code)));
  }

  return {
    tallies,
    skips,
    env,
    dir,
    close,
    /** Runs one kind; when it breaks, e.g. because a build fails, that is a failure of this kind and the next ones go on. */
    async attempt(kind: Kind, go: () => Promise<void>): Promise<void> {
      const startedAt = performance.now();
      try {
        if (!closing) await go();
      } catch (error) {
        process.stdout.write(`${kind} tests could not run: ${error instanceof Error ? error.message : error}\n`);
        tallies.push({ kind, passed: 0, failed: 1, skipped: 0, seconds: (performance.now() - startedAt) / 1000 });
      }
    },
    /** Brings up a part once and puts it into the environment of the tests; names it when it is missing. */
    async provide(name: string, variable: string, bringUp: (given?: string) => Promise<Part>): Promise<boolean> {
      if (parts[name]) return 'value' in (await parts[name]);
      parts[name] = bringUp(process.env[variable]);
      const part = await parts[name];
      if ('value' in part) {
        env[variable] = part.value;
        return true;
      }
      noteMissing(name, part.missing);
      return false;
    },
    noteMissing,
  };

  function noteMissing(name: string, why: string): void {
    if (required.includes(name)) {
      process.stdout.write(`MISSING ${name}, which MCPHUB_TEST_REQUIRE asks for: ${why}\n`);
      tallies.push({ kind: name, passed: 0, failed: 1, skipped: 0, seconds: 0 });
    } else {
      skips.push(`${name}: ${why}`);
    }
  }
}

/** Each check counts as one test. They run at once; the output of one that fails is shown. */
async function checks(run: Run): Promise<void> {
  // The types of routes and of stylesheet imports are made by Next; those of an older build may name routes that are gone.
  const generated = await capture([bin.next, 'typegen'], run.env);
  if (generated.code !== 0) process.stdout.write(`\n${generated.output}\n`);
  const jobs = {
    types: [bin.tsc, '--noEmit', '-p', '.'],
    lint: [bin.biome, 'check', '.'],
    'dead code': [bin.knip, '--no-progress'],
  };
  const results = Object.entries(jobs).map(async ([kind, args]) => {
    const startedAt = performance.now();
    const { code, output } = await capture(args, run.env);
    run.tallies.push({
      kind,
      passed: code === 0 ? 1 : 0,
      failed: code === 0 ? 0 : 1,
      skipped: 0,
      seconds: (performance.now() - startedAt) / 1000,
    });
    if (code !== 0) process.stdout.write(`\n${kind} failed:\n${output}\n`);
  });
  await Promise.all(results);
}

/** Known faults of packages that the hub runs with; without the registry it is said that nobody asked. */
async function advisories(run: Run): Promise<void> {
  const startedAt = performance.now();
  const command = auditCommand();
  const output = command ? (await capture(command, run.env)).output : '';
  const verdict = command
    ? judgeAdvisories(output, allowedAdvisories, new Date().toISOString().slice(0, 10))
    : { missing: 'there is no npm beside this Node' };
  if ('missing' in verdict) {
    run.noteMissing('advisories', `known faults of packages were NOT looked up: ${verdict.missing}`);
    return;
  }
  const { faults } = verdict;
  const seconds = (performance.now() - startedAt) / 1000;
  run.tallies.push({ kind: 'advisories', passed: faults.length ? 0 : 1, failed: faults.length, skipped: 0, seconds });
  if (faults.length > 0) process.stdout.write(`\nadvisories failed:\n${faults.join('\n')}\n`);
}

async function integration(run: Run, filters: string[]): Promise<void> {
  await ensurePrograms();
  await ensureWeb(); // one test runs the whole hub
  await run.provide('postgres', 'MCPHUB_TEST_POSTGRES_URL', providePostgres);
  await run.provide('pgvector', 'MCPHUB_TEST_PGVECTOR_URL', providePgvector);
  await run.provide('redis', 'MCPHUB_TEST_REDIS_URL', provideRedis);
  await vitest(run, 'integration', filters);
}

async function conformance(run: Run, filters: string[]): Promise<void> {
  await ensurePrograms();
  await vitest(run, 'conformance', filters);
}

async function browser(run: Run, filters: string[]): Promise<void> {
  const files = existsSync('tests/browser')
    ? readdirSync('tests/browser').filter((name) => name.endsWith('.spec.ts'))
    : [];
  if (!(await run.provide('browser', 'MCPHUB_TEST_CHROMIUM', provideChromium))) {
    const isCounted = run.tallies.some((tally) => tally.kind === 'browser'); // as a failure, when it is required
    if (!isCounted) run.tallies.push({ kind: 'browser', passed: 0, failed: 0, skipped: files.length, seconds: 0 });
    return;
  }
  await ensurePrograms();
  await ensureWeb();
  const outputFile = join(run.dir, 'browser.json');
  const startedAt = performance.now();
  const code = await show([bin.playwright, 'test', ...filters], {
    ...run.env,
    PLAYWRIGHT_JSON_OUTPUT_FILE: outputFile,
  });
  const { stats } = readReport<PlaywrightReport>(outputFile, {
    stats: { expected: 0, unexpected: 0, flaky: 0, skipped: 0 },
  });
  if (stats.skipped > 0) run.skips.push(`browser: ${stats.skipped} tests, see above`);
  run.tallies.push({
    kind: 'browser',
    passed: stats.expected,
    failed: failures(stats.unexpected + stats.flaky, code, stats.expected + stats.skipped),
    skipped: stats.skipped,
    seconds: (performance.now() - startedAt) / 1000,
  });
}

interface PlaywrightReport {
  stats: { expected: number; unexpected: number; flaky: number; skipped: number };
}

interface VitestReport {
  testResults: { name: string; status: string; assertionResults: { fullName: string; status: string }[] }[];
}

/** A runner that says it failed, or that ran nothing at all, counts as a failure even where no test is to blame. */
function failures(failed: number, code: number, others: number): number {
  return failed === 0 && (code !== 0 || others === 0) ? 1 : failed;
}

async function vitest(run: Run, kind: Exclude<Kind, 'browser'>, filters: string[]): Promise<void> {
  const outputFile = join(run.dir, `${kind}.json`);
  const startedAt = performance.now();
  const code = await show(
    [
      bin.vitest,
      'run',
      '--project',
      kind,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${outputFile}`,
      ...filters,
    ],
    run.env,
  );
  const files = readReport<VitestReport>(outputFile, { testResults: [] }).testResults;
  const tests = files.flatMap((file) => file.assertionResults);
  const passed = tests.filter((each) => each.status === 'passed').length;
  const skipped = tests.filter((each) => !['passed', 'failed'].includes(each.status));
  for (const each of skipped) run.skips.push(`${kind} test: ${each.fullName}`);
  // A file that does not load, or whose set-up fails, is one failure more: none of its tests may have run.
  const broken = files.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((each) => each.status === 'failed'),
  );
  const failed = tests.length - passed - skipped.length + broken.length;
  run.tallies.push({
    kind,
    passed,
    failed: failures(failed, code, passed + skipped.length),
    skipped: skipped.length,
    seconds: (performance.now() - startedAt) / 1000,
  });
}

function readReport<T>(file: string, otherwise: T): T {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : otherwise;
}

function report({ tallies, skips }: Run): number {
  const sum = (field: 'passed' | 'failed' | 'skipped') => tallies.reduce((total, tally) => total + tally[field], 0);
  const row = (...cells: (string | number)[]) =>
    cells.map((cell, index) => (index === 0 ? String(cell).padEnd(12) : String(cell).padStart(9))).join('');
  const lines = [
    '',
    ...skips.map((skip) => `SKIPPED ${skip}`),
    row('', 'passed', 'failed', 'skipped', 'seconds'),
    ...tallies.map(({ kind, passed, failed, skipped, seconds }) =>
      row(kind, passed, failed, skipped, seconds.toFixed(1)),
    ),
    '',
    `${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  return sum('failed') === 0 ? 0 : 1;
}
