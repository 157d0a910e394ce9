// Runs the official conformance suite as the program it is, and reads what it found.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../../scripts/prepare.mjs';

const program = join(root, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');
const preload = join(root, 'tests/conformance/node20.mjs');

export interface Findings {
  /** Of the suite's program: 0 when all scenarios that the revision requires passed. */
  exitCode: number | null;
  printed: string;
  /** Names of the scenarios that ran. */
  scenarios: string[];
  passed: number;
  /** `scenario:check`, sorted, each once. */
  failed: string[];
  /** What was wrong, by `scenario:check`. */
  messages: Map<string, string>;
}

interface Check {
  id: string;
  status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO';
  errorMessage?: string;
}

const brokenOff: Check = { id: 'broke-off', status: 'FAILURE', errorMessage: 'the scenario could not run' };

/** All scenarios of a revision against a server. @param url the MCP endpoint, without credential */
export function runServerSuite(url: string, revision: string): Promise<Findings> {
  return runSuite(['server', '--url', url], revision);
}

/**
 * All scenarios of a revision against a client.
 * @param command a shell line; it is started for each scenario, several at once, with the URL of that scenario's server
 */
export function runClientSuite(command: string, revision: string, env: Record<string, string>): Promise<Findings> {
  return runSuite(['client', '--command', command], revision, env);
}

export interface AuthorizationTarget {
  /** Of the issuer. */
  url: string;
  clientId: string;
  resource: string;
  /** Where the suite waits for the answer: at /callback of it. */
  port: number;
}

/**
 * All scenarios of authorization servers.
 * @param visit goes to an address in the place of the user whom the suite asks to, and comes back to the suite
 */
export async function runAuthorizationSuite(
  { url, clientId, resource, port }: AuthorizationTarget,
  visit: (url: string) => Promise<void>,
): Promise<Findings> {
  const dir = mkdtempSync(join(tmpdir(), 'mcphub-conformance-'));
  let visiting: Promise<void> | null = null;
  try {
    const target = ['--url', url, '--client-id', clientId, '--resource', resource, '--port', String(port)];
    const { exitCode, printed } = await run(['authorization', ...target, '--output-dir', dir], {}, (text) => {
      const asked = /https?:\/\/\S+[?&]code_challenge=\S+/.exec(text)?.[0];
      if (asked) visiting ??= visit(asked);
    });
    await visiting;
    return { exitCode, printed, ...read(dir) };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function runSuite(side: string[], revision: string, env: Record<string, string> = {}): Promise<Findings> {
  const dir = mkdtempSync(join(tmpdir(), 'mcphub-conformance-'));
  try {
    const { exitCode, printed } = await run([...side, '--requirements', revision, '--output-dir', dir], env);
    return { exitCode, printed, ...read(dir) };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** @param heard is called with all that was printed so far */
function run(
  args: string[],
  env: Record<string, string>,
  heard: (printed: string) => void = () => undefined,
): Promise<{ exitCode: number | null; printed: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', preload, program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        printed += text;
        heard(printed);
      });
    }
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ exitCode, printed }));
  });
}

/** One folder per scenario, `server-{scenario}-{time}`, `authorization-server-…` or, for clients, `{scenario}-{time}`, with its checks. */
function read(dir: string): Omit<Findings, 'exitCode' | 'printed'> {
  const failed = new Set<string>();
  const messages = new Map<string, string>();
  const scenarios: string[] = [];
  let passed = 0;
  for (const folder of readdirSync(dir).flatMap((each) => withinGroup(dir, each))) {
    const scenario = /^(?:server-|authorization-server-)?(.+)-\d{4}-\d\d-\d\dT[\dZ-]+$/.exec(folder)?.[1];
    if (!scenario) throw new Error(`The suite wrote a folder of another name: ${folder}`);
    scenarios.push(scenario);
    const file = join(dir, folder, 'checks.json');
    // A scenario that breaks off, e.g. because it cannot connect, writes none.
    const checks: Check[] = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [brokenOff];
    for (const { id, status, errorMessage = '' } of checks) {
      if (status === 'SUCCESS') passed += 1;
      if (status !== 'FAILURE' && status !== 'WARNING') continue;
      failed.add(`${scenario}:${id}`);
      messages.set(`${scenario}:${id}`, errorMessage);
    }
  }
  return { scenarios, passed, failed: [...failed].sort(), messages };
}

/** Scenarios with a slash in their name lie in a folder of their group. */
function withinGroup(dir: string, folder: string): string[] {
  if (/Z$/.test(folder)) return [folder];
  return readdirSync(join(dir, folder)).map((each) => `${folder}/${each}`);
}
