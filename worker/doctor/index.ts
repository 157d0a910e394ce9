// Tests servers stage by stage, each on an instance of its own that nobody else uses: saved ones and such that are only
// being set up. Knows no actors; who may test what was asked before.
import { randomUUID } from 'node:crypto';
import type { ServerTest } from '../../lib/diagnosis/schema';
import { HubError } from '../../lib/errors';
import type { Log } from '../../lib/log';
import type { DesiredServer } from '../../lib/servers';
import { launcherFor, platformOf } from '../supervisor/limits';
import type { ProcessInfo, ProcessTrees } from '../supervisor/process-tree';
import { createUsageWatch, measureMs } from '../supervisor/usage';
import type { Egress } from '../upstream';
import { createCourse } from './course';
import { type ExamOptions, examine, stagesOf } from './exam';

const testsAtOnce = 2;
/** Of one test; what it started is ended then. */
const testMs = 90_000;
/** Shorter values of variables and headers would hide half of every text. */
const hiddenFromLength = 8;

export interface DoctorOptions {
  egress: Egress;
  trees: ProcessTrees;
  /** Begins the marker of every process, so that what a dead worker left is found. */
  installationId: string;
  ownEnv: Record<string, string | undefined>;
  version: string;
  log: Log;
  documentsOf?: ExamOptions['documentsOf'];
  accessFor?: ExamOptions['accessFor'];
  /** Default 90 s. */
  testMs?: number;
  /** The longest that a handshake may take; default 60 s for a program, 20 s for a URL. */
  handshakeMs?: number;
}

export interface Doctor {
  /**
   * Tests a server; resolves when nothing of the test is left. A failed stage is an outcome and no error.
   * @param tell gets the test as it is after each change, ten times a second at most
   * @param signal cancels it
   * @throws HubError CONFLICT while this server is being tested, BUSY while two others are, UNAVAILABLE at the end
   */
  test(target: DesiredServer, tell: (test: ServerTest) => void, signal: AbortSignal): Promise<ServerTest>;
  /** Cancels all tests and waits until nothing of them is left. Idempotent. */
  close(): Promise<void>;
}

export function createDoctor(options: DoctorOptions): Doctor {
  const { trees, log } = options;
  const platform = platformOf(options.ownEnv.PATH);
  const under = new Map<string, Promise<unknown>>();
  const closing = new AbortController();

  async function run(
    target: DesiredServer,
    tell: (test: ServerTest) => void,
    cancelled: AbortSignal,
  ): Promise<ServerTest> {
    const course = createCourse(stagesOf(target), hiderOf(target), tell);
    const limit = options.testMs ?? testMs;
    const tooLong = AbortSignal.timeout(limit);
    const overLimit = new AbortController();
    const signal = AbortSignal.any([cancelled, closing.signal, tooLong, overLimit.signal]);
    const marker = `${options.installationId}:test-${randomUUID()}`;
    let pid: number | null = null;
    let noted: ProcessInfo[] = [];
    let breach = '';
    const watch = createUsageWatch({ trees, monotonic: () => performance.now() });
    const watched = {
      marker,
      get pid() {
        return pid;
      },
      limits: target.limits,
      measured: () => {},
      stopFor: ({ message }: { message: string }) => {
        breach = message;
        overLimit.abort();
      },
    };
    const watching = setInterval(() => {
      if (pid !== null) void watch([watched]).catch((err: unknown) => log.warn({ err }, 'a test was not measured'));
    }, measureMs);
    try {
      await examine(course, target, {
        ...options,
        signal,
        running: (started) => {
          pid = started;
        },
        process: {
          marker,
          ownEnv: options.ownEnv,
          launcher: launcherFor(target.limits, platform),
          beforeStop: async (root) => {
            noted = await trees.find(marker, [root]);
          },
          reap: async () => {
            await trees.kill(marker, noted);
          },
        },
      });
    } catch (error) {
      log.error({ err: error, server: target.name }, 'a test broke off');
      course.fail(course.current ?? 'handshake', {
        cause: 'The test itself broke off.',
        fix: 'The log of the hub tells why.',
      });
    } finally {
      clearInterval(watching);
    }
    const stage = course.current;
    if (breach && stage) {
      course.fail(stage, { cause: `It went over a limit: ${breach}.`, fix: 'Raise the limit of the server.' });
    } else if (tooLong.aborted && stage) {
      course.fail(stage, {
        cause: `The test took longer than ${limit / 1000} s and was ended.`,
        fix: 'Test once more: what a first start fetches is there then.',
      });
    }
    return course.end((cancelled.aborted || closing.signal.aborted) && !course.hasFailed);
  }

  return {
    async test(target, tell, signal) {
      const key = target.name.toLowerCase();
      if (closing.signal.aborted) throw new HubError('UNAVAILABLE', 'The hub is stopping.');
      if (under.has(key)) throw new HubError('CONFLICT', `"${target.name}" is being tested already.`);
      if (under.size >= testsAtOnce) {
        throw new HubError('BUSY', `${testsAtOnce} servers are being tested: try again in a moment.`, {
          retryable: true,
          retryAfterMs: 5_000,
        });
      }
      const running = run(target, tell, signal).finally(() => under.delete(key));
      under.set(key, running);
      return running;
    },
    async close() {
      closing.abort();
      await Promise.allSettled(under.values());
    },
  };
}

/** What a program prints may hold what it was given in confidence; paths are needed to understand it. */
function hiderOf({ secretValues, env, headers }: DesiredServer): (text: string) => string {
  const given = [...Object.values(env), ...Object.values(headers)].filter(
    (each) => each.length >= hiddenFromLength && !each.startsWith('/'),
  );
  const hidden = [...new Set([...secretValues, ...given])].toSorted((one, other) => other.length - one.length);
  return (text) => hidden.reduce((told, value) => told.replaceAll(value, '***'), text);
}
