// Reads documents in a thread with a bound on its time and memory, one after the other, and remembers the last few: a
// document is read when it is looked at, when it is saved, and at each start of its server.
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { HubError } from '../../../lib/errors';
import { documentMaxBytes } from '../../../lib/openapi/schema';
import { startThread } from '../../threads';
import type { DocumentPlan } from './model';
import type { Answer, Task } from './thread';

/** For 8 MiB of YAML, the slowest form, about 8 s are needed. */
const readMs = 30_000;
const checkMs = 10_000;
const memoryMb = 1024;
/** Plans take up to some tens of megabytes each. */
const remembered = 4;
const rememberMs = 600_000;

const program = { source: new URL('./thread.ts', import.meta.url), bundle: './openapi-thread.mjs' };
const plans = new LRUCache<string, Promise<DocumentPlan>>({ max: remembered, ttl: rememberMs });
let last: Promise<unknown> = Promise.resolve();

export interface ReadOptions {
  /** Hold it against the OpenAPI schema too, and tell what is wrong in the warnings. */
  check?: boolean;
}

/** @throws HubError INVALID_INPUT with a sentence for people */
export function readPlan(text: string, { check = false }: ReadOptions = {}): Promise<DocumentPlan> {
  if (Buffer.byteLength(text) > documentMaxBytes) {
    return Promise.reject(unusable(`The document is larger than ${documentMaxBytes / 1024 / 1024} MiB.`));
  }
  const key = `${check} ${createHash('sha256').update(text).digest('hex')}`;
  const known = plans.get(key);
  if (known) return known;
  // Two large documents at once would take twice the memory.
  const reading = last.then(() => runThread({ text, check }));
  last = reading.catch(() => {});
  plans.set(key, reading);
  reading.catch(() => plans.delete(key));
  return reading;
}

function unusable(message: string): HubError {
  return new HubError('INVALID_INPUT', message, { reason: 'document-refused' });
}

function runThread(task: Task): Promise<DocumentPlan> {
  return new Promise((resolve, reject) => {
    const resourceLimits = { maxOldGenerationSizeMb: memoryMb, stackSizeMb: 8 };
    const thread = startThread(program, { workerData: task, resourceLimits, stdout: true, stderr: true });
    let plan: DocumentPlan | null = null;
    const settle = (error?: HubError) => {
      clearTimeout(timer);
      void thread.terminate();
      if (plan) resolve(plan);
      else reject(error ?? unusable('The document could not be read.'));
    };
    const late = () =>
      settle(unusable(`Reading the document took longer than ${readMs / 1000} s: give one with fewer operations.`));
    let timer = setTimeout(late, readMs);
    thread.on('message', (answer: Answer) => {
      if (answer.kind === 'fault') settle(unusable(answer.message));
      else if (answer.kind === 'checked') {
        plan?.warnings.push(...answer.warnings);
        settle();
      } else {
        plan = answer.plan;
        if (!task.check) settle();
        clearTimeout(timer);
        if (task.check) timer = setTimeout(settle, checkMs);
      }
    });
    thread.once('error', (error: NodeJS.ErrnoException) => {
      const isMemory = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
      settle(
        isMemory
          ? unusable(`Reading the document needs more than ${memoryMb} MB of memory: give one with fewer operations.`)
          : new HubError('INTERNAL', undefined, { cause: error, detail: error.message }),
      );
    });
    thread.once('exit', () => settle());
  });
}
