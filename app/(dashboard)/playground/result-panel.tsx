'use client';
// What a run brought: first how it went, then the result rendered, as a tree, and as it came.
import { CircleCheck, CircleSlash, LoaderCircle, OctagonX, TriangleAlert } from 'lucide-react';
import dynamic from 'next/dynamic';
import { parseAsStringLiteral, useQueryState } from 'nuqs';
import { Badge, type Tone } from '@/app/_ui/badge';
import { CodeBlock } from '@/app/_ui/code-block';
import { CopyButton } from '@/app/_ui/copy-button';
import { Figure } from '@/app/_ui/figure';
import { ErrorNotice, Notice } from '@/app/_ui/notice';
import { Panel, PanelBody, PanelHeader } from '@/app/_ui/panel';
import { Tab, TabPanel, Tabs, TabsList } from '@/app/_ui/tabs';
import { RenderedResult } from './rendered-result';
import { type Run, type RunAnswer, type Verdict, verdictOf } from './runs';

const JsonView = dynamic(() => import('@/app/_ui/json-view').then((module) => module.JsonView), { ssr: false });

const looks: Record<Verdict, { tone: Tone; word: string; Icon: typeof CircleCheck }> = {
  running: { tone: 'busy', word: 'Running', Icon: LoaderCircle },
  ok: { tone: 'ok', word: 'OK', Icon: CircleCheck },
  'tool error': { tone: 'bad', word: 'Tool error', Icon: TriangleAlert },
  error: { tone: 'bad', word: 'Error', Icon: OctagonX },
  cancelled: { tone: 'idle', word: 'Cancelled', Icon: CircleSlash },
};

export function VerdictBadge({ run }: { run: Run }) {
  const { tone, word, Icon } = looks[verdictOf(run)];
  return (
    <Badge tone={tone} data-verdict={verdictOf(run)}>
      <Icon aria-hidden className={run.state === 'running' ? 'animate-turn' : undefined} />
      {word}
    </Badge>
  );
}

export function ResultPanel({ run }: { run: Run | undefined }) {
  return (
    <Panel aria-label="Result">
      <PanelHeader title="Result" actions={run && <VerdictBadge run={run} />} />
      <PanelBody>
        <div aria-live="polite">
          {!run && <p className="text-table text-muted-foreground">Run the tool to see what it answers.</p>}
          {run?.state === 'running' && <p className="text-table text-muted-foreground">Waiting for {run.server}…</p>}
          {run?.state === 'cancelled' && (
            <p className="text-table text-muted-foreground">
              Cancelled. The server was told; what it had begun it may have finished.
            </p>
          )}
          {run?.refusal && <ErrorNotice error={run.refusal} />}
          {run?.answer && <Answer answer={run.answer} />}
        </div>
      </PanelBody>
    </Panel>
  );
}

const views = ['rendered', 'structured', 'raw'] as const;

function Answer({ answer }: { answer: RunAnswer }) {
  const [view, setView] = useQueryState('view', parseAsStringLiteral(views).withDefault('rendered'));
  const { result, error } = answer;
  const isToolError = (result as { isError?: unknown } | null | undefined)?.isError === true;
  const raw = JSON.stringify(error === undefined ? { result } : { error }, null, 2);
  return (
    <div className="flex flex-col gap-3">
      <dl className="flex flex-wrap gap-x-6 gap-y-1 text-table">
        <Fact name="Time">
          <Figure value={answer.durationMs} as="duration" />
        </Fact>
        <Fact name="Size">
          <Figure value={answer.bytes} as="bytes" />
        </Fact>
        <Fact name="isError">
          <span className={isToolError ? 'font-medium text-bad' : undefined}>
            {error === undefined ? String(isToolError) : '–'}
          </span>
        </Fact>
        <Fact name="Request">
          <code className="font-mono text-[0.75rem]">{answer.requestId.slice(0, 8)}</code>
          <CopyButton text={answer.requestId} label="Copy the request id" size="icon-sm" />
        </Fact>
      </dl>
      {isToolError && <Notice tone="bad" title="The tool itself reports that it failed. Its own words:" />}
      {error !== undefined && <RpcFault error={error} />}
      <Tabs value={view} onValueChange={(next) => void setView(next as (typeof views)[number])}>
        <TabsList>
          <Tab value="rendered">Rendered</Tab>
          <Tab value="structured">Structured</Tab>
          <Tab value="raw">Raw</Tab>
        </TabsList>
        <TabPanel value="rendered">
          <RenderedResult result={result} />
        </TabPanel>
        <TabPanel value="structured">
          <JsonView value={structuredOf(result) ?? result ?? error} open={4} />
        </TabPanel>
        <TabPanel value="raw">
          <CodeBlock code={raw} copyLabel="Copy the answer" wrap />
        </TabPanel>
      </Tabs>
    </div>
  );
}

function structuredOf(result: unknown): unknown {
  return (result as { structuredContent?: unknown } | null | undefined)?.structuredContent;
}

function RpcFault({ error }: { error: unknown }) {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return (
    <Notice
      tone="bad"
      title={typeof message === 'string' ? message : 'The call failed.'}
      cause={typeof code === 'number' ? `JSON-RPC error ${code}` : undefined}
    />
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className="flex items-center gap-2">
      <dt className="text-muted-foreground">{name}</dt>
      <dd className="flex items-center gap-1">{children}</dd>
    </div>
  );
}
