// The thread in which documents are read: a large one takes seconds of processor time and hundreds of megabytes, and the
// thread that serves calls must feel nothing of it. It is told one text and answers twice at most.
import { parentPort, workerData } from 'node:worker_threads';
import { DocumentFault, parseText } from './document';
import type { DocumentPlan } from './model';
import { readOperations } from './operations';

export interface Task {
  text: string;
  /** Whether the document is held against the OpenAPI schema, too: advice for people that changes nothing. */
  check: boolean;
}

export type Answer =
  | { kind: 'read'; plan: DocumentPlan }
  | { kind: 'fault'; message: string }
  | { kind: 'checked'; warnings: string[] };

const shownChars = 600;

async function run({ text, check }: Task): Promise<void> {
  const answer = (message: Answer) => parentPort?.postMessage(message);
  try {
    answer({ kind: 'read', plan: readOperations(parseText(text)) });
  } catch (error) {
    const known = error instanceof DocumentFault;
    const deep = error instanceof RangeError;
    if (!known && !deep) throw error;
    answer({ kind: 'fault', message: known ? error.message : 'The document is nested too deeply.' });
    return;
  }
  if (check) answer({ kind: 'checked', warnings: await advise(text) });
}

/** What is wrong by the specification's own schema. Many documents in use break it somewhere and work all the same. */
async function advise(text: string): Promise<string[]> {
  try {
    // Loaded for this alone: it takes longer than most documents do.
    const { compileErrors, validate } = await import('@readme/openapi-parser');
    const result = await validate(parseText(text) as Parameters<typeof validate>[0], {
      resolve: { external: false, file: false },
      dereference: { circular: 'ignore' },
      timeoutMs: 5_000,
    });
    if (result.valid) return [];
    const plain = compileErrors(result)
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean)
      .join(' ');
    return [`By the OpenAPI schema the document has faults. ${plain.slice(0, shownChars)}`];
  } catch (error) {
    return [`The document could not be held against the OpenAPI schema: ${(error as Error).message.slice(0, 200)}`];
  }
}

void run(workerData as Task);
