'use client';
// The stages of a test, one row each: what was seen and how long it took, and for a failure why and what helps.
import { Circle, CircleCheck, CircleMinus, LoaderCircle, type LucideIcon, OctagonX, TriangleAlert } from 'lucide-react';
import { type Tone, textToneClass } from '@/app/_ui/badge';
import { cn } from '@/app/_ui/cn';
import { Figure } from '@/app/_ui/figure';
import { ErrorNotice } from '@/app/_ui/notice';
import type { ServerTest, Stage, StageId } from '@/lib/diagnosis/schema';
import { plainText } from './[name]/plain-text';
import type { TestRun } from './use-test';

const names: Record<StageId, string> = {
  url: 'URL',
  dns: 'Name resolution',
  connect: 'Connection',
  tls: 'TLS',
  http: 'HTTP answer',
  document: 'Document',
  command: 'Command',
  cwd: 'Working directory',
  spawn: 'Start',
  'first-byte': 'First output',
  handshake: 'Handshake',
  lists: 'Lists',
  ping: 'Ping',
  stop: 'Stop',
};

const looks: Record<Stage['state'], { Icon: LucideIcon; tone: Tone; word: string }> = {
  waiting: { Icon: Circle, tone: 'neutral', word: 'waiting' },
  running: { Icon: LoaderCircle, tone: 'busy', word: 'running' },
  ok: { Icon: CircleCheck, tone: 'ok', word: 'passed' },
  warned: { Icon: TriangleAlert, tone: 'warn', word: 'passed with a warning' },
  failed: { Icon: OctagonX, tone: 'bad', word: 'failed' },
  skipped: { Icon: CircleMinus, tone: 'neutral', word: 'not run' },
};

const verdicts: Record<ServerTest['state'], { text: string; tone: Tone }> = {
  running: { text: 'Testing…', tone: 'busy' },
  passed: { text: 'All stages passed.', tone: 'ok' },
  warned: { text: 'It works, with a warning.', tone: 'warn' },
  failed: { text: 'A stage failed.', tone: 'bad' },
  cancelled: { text: 'Cancelled.', tone: 'neutral' },
};

export function TestOutcome({ test, error, className }: Pick<TestRun, 'test' | 'error'> & { className?: string }) {
  if (!test && !error) return null;
  return (
    <section aria-label="Outcome of the test" className={cn('min-w-0', className)}>
      {error && <ErrorNotice error={error} />}
      {test && <Stages test={test} />}
    </section>
  );
}

function Stages({ test }: { test: ServerTest }) {
  const { text, tone } = verdicts[test.state];
  return (
    <>
      <p
        role="status"
        className={cn('flex items-baseline gap-3 px-4 py-2 text-table font-medium', textToneClass[tone])}
      >
        {text}
        <span className="ml-auto font-normal text-foreground">
          {test.state !== 'running' && <Figure value={test.ms} as="duration" />}
        </span>
      </p>
      <ol className="hairlines border-t border-border">
        {test.stages.map((stage) => (
          <StageRow key={stage.id} stage={stage} />
        ))}
      </ol>
    </>
  );
}

function StageRow({ stage }: { stage: Stage }) {
  const { id, state, ms, seen, cause, fix, lines } = stage;
  const { Icon, tone, word } = looks[state];
  const isQuiet = state === 'waiting' || state === 'skipped';
  return (
    <li data-stage={id} data-state={state} className="grid grid-cols-[1rem_minmax(0,1fr)_auto] gap-x-3 px-4 py-2">
      <Icon
        aria-label={word}
        className={cn('mt-0.5 size-4', textToneClass[tone], state === 'running' && 'animate-turn')}
      />
      <div className="min-w-0 text-table sm:grid sm:grid-cols-[9rem_minmax(0,1fr)] sm:gap-x-4">
        <p className={cn('font-medium', isQuiet && 'font-normal text-muted-foreground')}>{names[id]}</p>
        <div className="min-w-0">
          {seen && <p className="wrap-anywhere text-muted-foreground">{plainText(seen)}</p>}
          {cause && <p className={cn('wrap-anywhere', seen && 'mt-1')}>{plainText(cause)}</p>}
          {fix && <p className="mt-1 wrap-anywhere text-muted-foreground">{fix}</p>}
          {lines.length > 0 && (
            <pre
              // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls must be reachable by keyboard (WCAG 2.1.1)
              tabIndex={0}
              className="mt-2 max-h-48 overflow-auto rounded-control border border-border bg-sunken px-2 py-1.5 font-mono text-[0.75rem] leading-[1.125rem] break-words whitespace-pre-wrap"
            >
              {lines.map(plainText).join('\n')}
            </pre>
          )}
        </div>
      </div>
      <span className="text-right text-table">{ms !== null && <Figure value={ms} as="duration" />}</span>
    </li>
  );
}
