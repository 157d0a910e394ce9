// One test of one server, on an instance of its own beside whatever runs: each stage in its turn, until one fails. What
// it opens or starts is ended before it resolves, however it ends.
import type { StageId } from '../../lib/diagnosis/schema';
import { asHubError } from '../../lib/errors';
import type { DesiredServer } from '../../lib/servers';
import {
  type Access,
  childEnvironment,
  type DocumentStore,
  type Egress,
  faultOfFolder,
  findProgram,
  type HttpFacts,
  listAll,
  type OpenOptions,
  openUpstream,
  type Sighting,
  type Upstream,
} from '../upstream';
import {
  adviceForExit,
  adviceForHandshake,
  adviceForHttp,
  adviceForSignIn,
  adviceForSilence,
  howToInstall,
  isFetching,
} from './advice';
import type { Course } from './course';
import { examineNetwork } from './network';

/** `npx` and its like fetch the server first. */
const programMs = 60_000;
const remoteMs = 20_000;
const pingMs = 5_000;
/** A program that is still there so long after its input was closed had to be stopped by a signal. */
const gentleStopMs = 1_900;
/** After so much silence it is told what may be the reason. */
const silenceMs = 3_000;
const stderrKept = 20;

const afterwards: readonly StageId[] = ['handshake', 'lists', 'ping'];

export interface ExamOptions {
  egress: Egress;
  version: string;
  ownEnv: Record<string, string | undefined>;
  /** As for every instance; see OpenOptions. */
  process: OpenOptions['process'];
  /** The process that the test started, and null when it has ended. */
  running(pid: number | null): void;
  signal: AbortSignal;
  /** Where the documents of OpenAPI servers are kept. */
  documentsOf?: ((serverId: string) => DocumentStore) | undefined;
  /** What an instance proves itself with. @throws HubError UPSTREAM_NEEDS_AUTH */
  accessFor?: ((server: DesiredServer, user: null) => Promise<Access | null>) | undefined;
  /** For tests: the longest that a handshake may take. */
  handshakeMs?: number;
}

/** The stages of a server's test, in their order. */
export function stagesOf(server: Pick<DesiredServer, 'type' | 'url' | 'openapi'>): StageId[] {
  const { type } = server;
  if (type === 'stdio') return ['command', 'cwd', 'spawn', 'first-byte', ...afterwards, 'stop'];
  const isSecure = addressOf(server)?.toLowerCase().startsWith('https:') ?? false;
  const network: StageId[] = ['url', 'dns', 'connect', ...(isSecure ? (['tls'] as const) : [])];
  // Of an API it is its document that is read; no call is made that could change something.
  return type === 'openapi' ? [...network, 'handshake', 'lists'] : [...network, 'http', ...afterwards];
}

function addressOf({ url, openapi }: Pick<DesiredServer, 'url' | 'openapi'>): string | null {
  return url ?? openapi?.baseUrl ?? openapi?.documentUrl ?? null;
}

/** Resolves when nothing of the test is left. */
export async function examine(course: Course, target: DesiredServer, options: ExamOptions): Promise<void> {
  if (target.fault !== null) {
    const [first = 'command'] = stagesOf(target);
    course.fail(first, { cause: target.fault, fix: 'Complete the settings of the server.' });
    return;
  }
  if (target.type === 'stdio') await examineProgram(course, target, options);
  else if (target.type === 'openapi') await examineApi(course, target, options);
  else await examineRemote(course, target, options);
}

async function examineProgram(course: Course, target: DesiredServer, options: ExamOptions): Promise<void> {
  const { command, cwd } = target;
  const path = childEnvironment(options.ownEnv, target.env, '').PATH ?? '';
  const folderFault = faultOfFolder(cwd);
  course.begin('command');
  const isRelative = command?.includes('/') && !command.startsWith('/');
  const found = folderFault !== null && isRelative ? null : findProgram(target, path);
  if (!found) course.skip('command', 'It is looked for in the working directory.');
  else if ('file' in found) course.pass('command', found.file);
  else {
    course.fail('command', { cause: found.fault, fix: howToInstall(command, path) });
    return;
  }
  course.begin('cwd');
  if (folderFault !== null) {
    const fix = 'Make the folder, or enter one that exists; without one the server runs in the folder of the hub.';
    course.fail('cwd', { cause: folderFault, fix });
    return;
  }
  course.pass('cwd', cwd ?? `${process.cwd()} (the folder of the hub)`);
  await startProgram(course, target, options);
}

async function startProgram(course: Course, target: DesiredServer, options: ExamOptions): Promise<void> {
  const { command } = target;
  let stderr: string[] = [];
  let printed: string | null = null;
  course.begin('spawn');
  const fetches = setTimeout(() => {
    if (course.current !== 'first-byte' || stderr.length > 0) return;
    course.note(isFetching(command) ? `${command} may be fetching the server, which takes a while.` : 'Nothing yet.');
  }, silenceMs);
  const reached = (stage: StageId) => course.current === stage;
  try {
    const upstream = await open(target, options, programMs, {
      spawned(pid) {
        options.running(pid);
        course.pass('spawn', `pid ${pid}`);
        course.begin('first-byte');
      },
      stderr(lines) {
        stderr = [...stderr, ...lines].slice(-stderrKept);
        if (reached('first-byte')) course.note(stderr.at(-1) ?? '');
      },
      sighted(sighting) {
        if (sighting.kind === 'garbage') printed = sighting.sample.trim();
        if (sighting.kind !== 'first-byte' || !reached('first-byte')) return;
        course.pass('first-byte', 'Something came on stdout.');
        course.begin('handshake');
      },
    });
    if (printed !== null) {
      const cause = 'It printed text that is not MCP before its first message.';
      course.warn('first-byte', { cause, fix: 'It works; let the program log to stderr instead.', lines: [printed] });
    }
    await use(course, upstream, options.signal);
    await stop(course, upstream, options);
  } catch (error) {
    if (options.signal.aborted) return;
    const { message, extras } = asHubError(error);
    const stage = course.current ?? 'handshake';
    const lines = printed === null ? stderr : [printed, ...stderr];
    if (extras.reason === 'needs-auth') course.fail(stage, { seen: null, cause: message, fix: adviceForSignIn });
    else if (extras.reason === 'exited' || extras.reason === 'killed') {
      course.fail(stage, { seen: null, cause: message, fix: adviceForExit(command, stderr, printed), lines });
    } else if (extras.reason === 'spawn-failed') {
      course.fail('spawn', {
        cause: message,
        fix: 'Run it by hand as the user of the hub; a script needs the program that its first line names.',
      });
    } else if (/did not answer/.test(message) && printed === null) {
      const what = stage === 'first-byte' ? 'It printed nothing on stdout.' : 'It went silent.';
      course.fail(stage, { cause: message, seen: what, fix: adviceForSilence(command, stderr), lines });
    } else {
      const fix = printed === null ? adviceForHandshake(message) : adviceForExit(command, stderr, printed);
      course.fail(stage === 'first-byte' ? 'handshake' : stage, { cause: message, fix, lines });
    }
  } finally {
    clearTimeout(fetches);
    options.running(null);
  }
}

async function stop(course: Course, upstream: Upstream, { signal }: ExamOptions): Promise<void> {
  if (signal.aborted) return;
  course.begin('stop');
  const from = performance.now();
  await upstream.close();
  if (performance.now() - from < gentleStopMs) course.pass('stop', 'It ended when its input was closed.');
  else {
    const cause = 'It did not end when its input was closed and had to be stopped by a signal.';
    course.warn('stop', { cause, fix: 'It works, but each restart of it takes seconds longer.' });
  }
}

async function examineApi(course: Course, target: DesiredServer, options: ExamOptions): Promise<void> {
  const url = await examineNetwork(course, { url: addressOf(target), tls: target.tls }, options);
  if (!url || options.signal.aborted) return;
  course.begin('handshake');
  let upstream: Upstream | null = null;
  try {
    upstream = await open(target, options, remoteMs, { sighted: () => {} });
    const { name, version } = upstream.handshake.serverInfo;
    course.pass('handshake', `The document "${name}" ${version ?? ''} can be read.`);
    course.begin('lists');
    await lists(course, upstream);
  } catch (error) {
    if (options.signal.aborted) return;
    const { message } = asHubError(error);
    const fix = 'Give a document that is whole and valid, or fetch it again.';
    course.fail(course.current ?? 'handshake', { cause: message, fix });
  } finally {
    await upstream?.close();
  }
}

async function examineRemote(course: Course, target: DesiredServer, options: ExamOptions): Promise<void> {
  const url = await examineNetwork(course, target, options);
  if (!url || options.signal.aborted) return;
  let facts: HttpFacts | null = null;
  course.begin('http');
  const answered = () => facts !== null && facts.status < 300;
  try {
    const upstream = await open(target, options, remoteMs, {
      sighted(sighting) {
        if (sighting.kind !== 'http') return;
        facts = sighting;
        if (course.current !== 'http' || !answered() || !/json|event-stream/.test(facts.contentType)) return;
        course.pass('http', inWords(facts));
        course.begin('handshake');
      },
    });
    if (course.current === 'http') {
      course.pass('http', facts ? inWords(facts) : 'HTTP+SSE, the transport before 2025.');
      course.begin('handshake');
    }
    await use(course, upstream, options.signal);
    await upstream.close();
  } catch (error) {
    if (options.signal.aborted) return;
    const { message, extras } = asHubError(error);
    const stage = course.current ?? 'handshake';
    if (target.credential && extras.reason === 'needs-auth') {
      course.fail(stage, { cause: message, seen: facts === null ? null : inWords(facts), fix: adviceForSignIn });
    } else if (stage !== 'http') {
      course.fail(stage, { cause: message, fix: adviceForHandshake(message) });
    } else if (/did not answer/.test(message)) {
      const fix = 'The connection stands, but no answer comes: what stands before the server may wait for it in vain.';
      course.fail('http', { cause: message, fix });
    } else {
      const seen = facts === null ? null : inWords(facts);
      course.fail('http', { cause: message, seen, ...adviceForHttp(url, facts, extras.reason ?? '') });
    }
  }
}

function inWords({ status, contentType, session, server, contentEncoding, redirects }: HttpFacts): string {
  return [
    `HTTP ${status}`,
    contentType || 'no content type',
    contentEncoding && `encoded as ${contentEncoding}`,
    session && 'gives a session id',
    redirects > 0 && `after ${redirects} redirect${redirects === 1 ? '' : 's'}`,
    server && `server ${server}`,
  ]
    .filter(Boolean)
    .join(', ');
}

interface Seen {
  spawned?(pid: number): void;
  stderr?(lines: string[]): void;
  sighted(sighting: Sighting): void;
}

async function open(
  target: DesiredServer,
  { egress, version, process, signal, handshakeMs, documentsOf, accessFor }: ExamOptions,
  timeoutMs: number,
  { spawned = () => {}, stderr = () => {}, sighted }: Seen,
): Promise<Upstream> {
  const access = target.credential ? await accessFor?.(target, null) : null;
  return openUpstream(
    target,
    {
      access,
      client: { name: 'mcphub', version },
      egress,
      signal,
      handshakeTimeoutMs: Math.min(timeoutMs, handshakeMs ?? timeoutMs),
      process,
      // A test stores nothing, and of a draft there is no row that a document could belong to.
      documents: documentsOf && { load: () => documentsOf(target.id).load(), save: async () => {} },
    },
    { spawned, stderr, sighted, notification: () => {}, closed: () => {}, doubtful: () => {} },
  );
}

/** Handshake, lists and a ping of an open upstream. Closes it if one of them fails. @throws what a call throws */
async function use(course: Course, upstream: Upstream, signal: AbortSignal): Promise<void> {
  const end = () => void upstream.close({ reason: 'stopped', message: 'The test has ended.', atOnce: true });
  signal.addEventListener('abort', end);
  try {
    const { era, protocolVersion, serverInfo } = upstream.handshake;
    const kind = era === 'legacy' ? 'with sessions' : 'without sessions';
    course.pass('handshake', `${serverInfo.name} ${serverInfo.version ?? ''}, protocol ${protocolVersion} (${kind})`);
    course.begin('lists');
    await lists(course, upstream);
    if (signal.aborted) return;
    course.begin('ping');
    await ping(course, upstream);
  } catch (error) {
    await upstream.close({ reason: 'stopped', message: 'The test has failed.' });
    throw error;
  } finally {
    signal.removeEventListener('abort', end);
    // Also where the test was cancelled between two steps.
    if (signal.aborted) await upstream.close({ reason: 'stopped', message: 'The test has ended.', atOnce: true });
  }
}

async function lists(course: Course, upstream: Upstream): Promise<void> {
  const { tools, resources, resourceTemplates, prompts, faults } = await listAll(upstream);
  const counted = [
    [tools, 'tool'],
    [resources, 'resource'],
    [resourceTemplates, 'resource template'],
    [prompts, 'prompt'],
  ] as const;
  const seen = counted
    .filter(([list], index) => index === 0 || list.length > 0)
    .map(([{ length }, word]) => `${length} ${word}${length === 1 ? '' : 's'}`)
    .join(', ');
  if (faults.length === 0) {
    course.pass('lists', seen);
    return;
  }
  course.warn('lists', {
    seen,
    cause: `${faults.length === 1 ? 'One item is' : `${faults.length} items are`} not passed on to clients.`,
    fix: 'The server has to mend them; all others work.',
    lines: faults.map(({ kind, name, reason }) => `${kind} ${JSON.stringify(name)}: ${reason}`),
  });
}

async function ping(course: Course, upstream: Upstream): Promise<void> {
  const method = upstream.handshake.era === 'legacy' ? 'ping' : 'server/discover';
  const from = performance.now();
  const { kind } = await upstream.call(method, undefined, { timeoutMs: pingMs }).answer;
  const took = `${(performance.now() - from).toFixed(1)} ms`;
  if (kind === 'result') course.pass('ping', `${method} answered in ${took}`);
  else
    course.warn('ping', {
      cause: `It refuses "${method}".`,
      fix: 'Every server must answer it; the hub does without.',
    });
}
