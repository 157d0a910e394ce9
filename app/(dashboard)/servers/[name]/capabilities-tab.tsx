'use client';
// What is known of the server: what it speaks and offers, how it starts and behaves, and which of its items are faulty.
import { Check, Minus } from 'lucide-react';
import type { ReactNode } from 'react';
import { CodeBlock } from '@/app/_ui/code-block';
import { EmptyState } from '@/app/_ui/empty-state';
import { Figure } from '@/app/_ui/figure';
import { plural } from '@/app/_ui/format';
import { KeyValues } from '@/app/_ui/key-values';
import { ErrorNotice } from '@/app/_ui/notice';
import { Panel, PanelHeader } from '@/app/_ui/panel';
import { RelativeTime } from '@/app/_ui/relative-time';
import { Skeleton } from '@/app/_ui/skeleton';
import { Sparkline } from '@/app/_ui/sparkline';
import type { ServerFeature, ServerReport } from '@/lib/diagnosis/schema';
import type { ShownServer } from '../shown-server';
import { SchemaTable } from './schema-table';
import { useReport } from './use-report';

const features: readonly [feature: ServerFeature, label: string][] = [
  ['tools', 'Tools'],
  ['tools.listChanged', 'Tools change'],
  ['resources', 'Resources'],
  ['resources.subscribe', 'Subscriptions'],
  ['resources.listChanged', 'Resources change'],
  ['prompts', 'Prompts'],
  ['prompts.listChanged', 'Prompts change'],
  ['completions', 'Completions'],
  ['logging', 'Logging'],
  ['tasks', 'Tasks'],
];

export function CapabilitiesTab({ server }: { server: ShownServer }) {
  const { data: report, error } = useReport(server);
  if (error && !report) return <ErrorNotice error={error} />;
  if (!report) return <Skeleton className="h-64 w-full" />;
  return (
    <div className="flex flex-col gap-4">
      <Protocol report={report} />
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <StartTimes report={report} />
        <Behaviour report={report} />
      </div>
      <SchemaTable report={report} />
    </div>
  );
}

function Protocol({ report: { handshake, listedAt, counts } }: { report: ServerReport }) {
  if (!handshake) {
    return (
      <EmptyState Icon={Minus} title="Not known yet">
        What the server offers is read as soon as it has been ready once.
      </EmptyState>
    );
  }
  const { name, version, title, era, protocolVersion, instructions, offers, extensions } = handshake;
  const counted = [
    [counts.tools, 'tool'],
    [counts.resources, 'resource'],
    [counts.resourceTemplates, 'template'],
    [counts.prompts, 'prompt'],
  ] as const;
  return (
    <Panel>
      <PanelHeader
        title={title ?? name}
        description={
          <>
            {name} {version ?? ''} · listed <RelativeTime at={listedAt} />
          </>
        }
      />
      <dl className="grid grid-cols-2 gap-x-4 gap-y-3 px-4 py-3 sm:grid-cols-4">
        <Fact name="Protocol">
          <span className="figures">{protocolVersion}</span>
        </Fact>
        <Fact name="Era">{era === 'legacy' ? 'Sessions' : 'No sessions'}</Fact>
        <Fact name="Lists">
          {counted
            .filter(([count], index) => index === 0 || count > 0)
            .map(([count, word]) => plural(count, word))
            .join(', ')}
        </Fact>
        <Fact name="Extensions">
          {extensions.length === 0 ? (
            <span className="text-muted-foreground">None</span>
          ) : (
            <span className="font-mono text-[0.75rem] break-all">{extensions.join(' ')}</span>
          )}
        </Fact>
      </dl>
      <ul
        aria-label="What it offers"
        className="grid grid-cols-2 gap-x-4 gap-y-1.5 border-t border-border px-4 py-3 text-table sm:grid-cols-3 lg:grid-cols-5"
      >
        {features.map(([feature, label]) => (
          <li key={feature} data-offered={offers[feature]} className="flex items-center gap-2">
            {offers[feature] ? (
              <Check aria-label="offered" className="size-4 text-ok" />
            ) : (
              <Minus aria-label="not offered" className="size-4 text-muted-foreground" />
            )}
            <span className={offers[feature] ? undefined : 'text-muted-foreground'}>{label}</span>
          </li>
        ))}
      </ul>
      {instructions && (
        <div className="border-t border-border p-4">
          <CodeBlock caption="Instructions for the model" code={instructions} wrap className="max-h-64 overflow-auto" />
        </div>
      )}
    </Panel>
  );
}

const steps = [
  ['spawnMs', 'Process runs'],
  ['firstByteMs', 'First output'],
  ['initializeMs', 'Handshake done'],
  ['listedMs', 'Lists read'],
] as const;

function StartTimes({ report: { life, type } }: { report: ServerReport }) {
  const last = life?.starts.at(-1);
  const median = life?.medianStart;
  return (
    <Panel>
      <PanelHeader
        title="Start time"
        description="From the beginning of a start to each step."
        actions={
          life && (
            <Sparkline
              values={life.starts.map(({ listedMs, initializeMs }) => listedMs ?? initializeMs)}
              label="starts, ms"
            />
          )
        }
      />
      {!last || !median ? (
        <Nothing>No start was seen yet.</Nothing>
      ) : (
        <table className="w-full text-table">
          <thead className="text-caption text-muted-foreground">
            <tr>
              <th scope="col" className="h-8 px-4 text-left font-medium">
                Step
              </th>
              <th scope="col" className="px-2 text-right font-medium">
                Last, <RelativeTime at={last.at} />
              </th>
              <th scope="col" className="px-4 text-right font-medium">
                Median of {median.of}
              </th>
            </tr>
          </thead>
          <tbody>
            {steps
              .filter(([key]) => type === 'stdio' || (key !== 'spawnMs' && key !== 'firstByteMs'))
              .map(([key, label]) => (
                <tr key={key} className="border-t border-border">
                  <th scope="row" className="h-9 px-4 text-left font-normal">
                    {label}
                  </th>
                  <td className="px-2 text-right">
                    <Figure value={rounded(last[key])} as="duration" />
                  </td>
                  <td className="px-4 text-right">
                    <Figure value={rounded(median[key])} as="duration" />
                  </td>
                </tr>
              ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function Behaviour({ report: { life, isLive } }: { report: ServerReport }) {
  if (!life) {
    return (
      <Panel>
        <PanelHeader title="Behaviour" />
        <Nothing>Nothing was noticed yet.</Nothing>
      </Panel>
    );
  }
  const { restarts, exits, meanUpMs, sessionsLost, inVain, progressAt, http } = life;
  return (
    <Panel>
      <PanelHeader
        title="Behaviour"
        description={
          <>
            Seen since <RelativeTime at={life.since} />
            {!isLive && (
              <>
                , stored <RelativeTime at={life.at} />
              </>
            )}
          </>
        }
      />
      <div className="px-4 py-1">
        <KeyValues
          rows={[
            ['Restarts', <Figure key="restarts" value={restarts} as="count" />],
            ['Ends', Object.entries(exits).length === 0 ? 'None unwished' : <Exits key="exits" exits={exits} />],
            ['Mean time up', meanUpMs === null ? null : <Figure key="up" value={Math.round(meanUpMs)} as="duration" />],
            ['Cancellation', cancellationWords(life)],
            [
              'Progress',
              progressAt === null ? (
                'Not seen yet'
              ) : (
                <span key="progress">
                  Seen <RelativeTime at={progressAt} />
                </span>
              ),
            ],
            ['HTTP', http && httpWords(http)],
            ['Sessions lost', sessionsLost > 0 ? <Figure key="lost" value={sessionsLost} as="count" /> : null],
            [
              'Asked in vain',
              inVain.length > 0 ? (
                <ul key="vain" className="flex flex-col gap-1">
                  {inVain.map(({ message, times }) => (
                    <li key={message}>
                      {message} {times > 1 && <span className="figures text-muted-foreground">× {times}</span>}
                    </li>
                  ))}
                </ul>
              ) : null,
            ],
          ]}
        />
      </div>
    </Panel>
  );
}

function Exits({ exits }: { exits: Record<string, number> }) {
  return (
    <span className="flex flex-wrap gap-x-4 gap-y-1">
      {Object.entries(exits).map(([reason, count]) => (
        <span key={reason} className="whitespace-nowrap">
          <span className="font-mono text-[0.75rem]">{reason}</span>{' '}
          <span className="figures text-muted-foreground">× {count}</span>
        </span>
      ))}
    </span>
  );
}

function cancellationWords({ cancels, cancellation: { told, answered } }: NonNullable<ServerReport['life']>): string {
  if (cancels === 'not-seen') return 'Not seen yet: no call was cancelled';
  const calls = plural(told, 'call');
  return cancels === 'stopped'
    ? `Respected: none of ${calls} answered after it was cancelled`
    : `Ignored: ${answered} of ${calls} answered after it was cancelled`;
}

function httpWords(http: NonNullable<NonNullable<ServerReport['life']>['http']>): string {
  return [
    `${http.status} ${http.contentType}`,
    http.session ? 'session id' : 'no session id',
    http.contentEncoding ? `encoded as ${http.contentEncoding}` : null,
    http.redirects > 0 ? plural(http.redirects, 'redirect') : null,
    http.server,
  ]
    .filter(Boolean)
    .join(', ');
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 10) / 10;
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="min-w-0 text-table">
      <dt className="text-caption text-muted-foreground">{name}</dt>
      <dd className="mt-0.5 break-words">{children}</dd>
    </div>
  );
}

function Nothing({ children }: { children: ReactNode }) {
  return <p className="p-4 text-table text-muted-foreground">{children}</p>;
}
