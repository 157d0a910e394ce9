// The stages of one test while it runs: which one is at work, what came of each, and who is told.
import type { ServerTest, Stage, StageId } from '../../lib/diagnosis/schema';

/** A running test is told no more often. */
const tellMs = 100;
const linesMax = 20;
const lineChars = 500;
const textChars = 1_000;

export interface Outcome {
  seen?: string | null;
  cause?: string | null;
  fix?: string | null;
  lines?: readonly string[];
}

export interface Course {
  /** The stage at work, if any. */
  readonly current: StageId | null;
  readonly hasFailed: boolean;
  begin(id: StageId): void;
  /** What is seen of the stage at work so far. */
  note(seen: string): void;
  pass(id: StageId, seen: string): void;
  warn(id: StageId, outcome: Outcome): void;
  /** Stages after it are skipped. */
  fail(id: StageId, outcome: Outcome): void;
  skip(id: StageId, seen: string): void;
  /** The test is over; what has not run is skipped. */
  end(wasCancelled: boolean): ServerTest;
}

/**
 * @param ids the stages in their order
 * @param hide takes secrets out of a text
 * @param tell gets the whole test after each change
 */
export function createCourse(
  ids: readonly StageId[],
  hide: (text: string) => string,
  tell: (test: ServerTest) => void,
): Course {
  const startedAt = new Date();
  const begunAt = performance.now();
  const stages: Stage[] = ids.map((id) => ({
    id,
    state: 'waiting',
    ms: null,
    seen: null,
    cause: null,
    fix: null,
    lines: [],
  }));
  const begins = new Map<StageId, number>();
  let current: StageId | null = null;
  let timer: NodeJS.Timeout | null = null;
  let outcome: ServerTest['state'] = 'running';

  function snapshot(): ServerTest {
    for (const stage of stages) if (stage.state === 'running') stage.ms = since(stage.id);
    const ms = Math.round(performance.now() - begunAt);
    return { state: outcome, startedAt: startedAt.toISOString(), ms, stages: structuredClone(stages) };
  }

  function changed(): void {
    timer ??= setTimeout(() => {
      timer = null;
      tell(snapshot());
    }, tellMs);
  }

  function since(id: StageId): number {
    const from = begins.get(id);
    return from === undefined ? 0 : Math.round((performance.now() - from) * 10) / 10;
  }

  function settle(id: StageId, state: Stage['state'], { seen, cause, fix, lines }: Outcome): void {
    const stage = stages.find((each) => each.id === id);
    if (!stage || outcome !== 'running') return;
    Object.assign(stage, {
      state,
      ms: begins.has(id) ? since(id) : null,
      ...(seen !== undefined && { seen: clean(seen, textChars) }),
      ...(cause !== undefined && { cause: clean(cause, textChars) }),
      ...(fix !== undefined && { fix: clean(fix, textChars) }),
      ...(lines && { lines: lines.slice(-linesMax).map((line) => clean(line, lineChars)) }),
    });
    if (current === id) current = null;
    changed();
  }

  function clean(text: string | null, most: number): string | null {
    if (text === null) return null;
    const told = hide(text);
    return told.length > most ? `${told.slice(0, most)}…` : told;
  }

  const has = (state: Stage['state']) => stages.some((stage) => stage.state === state);

  return {
    get current() {
      return current;
    },
    get hasFailed() {
      return has('failed');
    },
    begin(id) {
      current = id;
      begins.set(id, performance.now());
      const stage = stages.find((each) => each.id === id);
      if (stage) stage.state = 'running';
      changed();
    },
    note(seen) {
      const stage = stages.find((each) => each.id === current);
      if (!stage) return;
      stage.seen = clean(seen, textChars);
      changed();
    },
    pass: (id, seen) => settle(id, 'ok', { seen }),
    warn: (id, what) => settle(id, 'warned', what),
    fail: (id, what) => settle(id, 'failed', what),
    skip: (id, seen) => settle(id, 'skipped', { seen }),
    end(wasCancelled) {
      for (const stage of stages) {
        if (stage.state === 'running') stage.ms = since(stage.id);
        if (stage.state === 'waiting' || stage.state === 'running') stage.state = 'skipped';
      }
      outcome = wasCancelled ? 'cancelled' : has('failed') ? 'failed' : has('warned') ? 'warned' : 'passed';
      if (timer) clearTimeout(timer);
      return snapshot();
    },
  };
}
