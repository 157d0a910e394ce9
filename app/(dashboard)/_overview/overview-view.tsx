'use client';
// The start page: is all well, and if not, what helps?
import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { api, type Page } from '@/app/_ui/api';
import { buttonClass } from '@/app/_ui/button';
import { Notice } from '@/app/_ui/notice';
import { PageHeader } from '@/app/_ui/page-header';
import type { CallView } from '@/lib/telemetry/schema';
import { needsAttention, type ServerRights, type ShownServer } from '../servers/shown-server';
import { useOperations } from '../servers/use-operations';
import { useServers } from '../servers/use-servers';
import { Attention } from './attention';
import { Checklist } from './checklist';
import { healthSentence } from './health';
import type { HubView } from './hub-view';
import { OpenNotice } from './open-notice';
import { RecentCalls } from './recent-calls';
import { Tiles } from './tiles';

export interface OverviewViewProps {
  servers: ShownServer[];
  hub: HubView;
  calls: CallView[];
  /** Whether a client has ever shown a key. */
  connected: boolean;
  rights: ServerRights & { connect: boolean };
}

const figuresEveryMs = 10_000;

export function OverviewView(initial: OverviewViewProps) {
  const { rights } = initial;
  const { servers } = useServers(initial.servers);
  const operations = useOperations();
  const { data: hub } = useQuery({
    queryKey: ['hub'],
    queryFn: ({ signal }) => api<HubView>('/hub', { signal }),
    initialData: initial.hub,
    refetchInterval: figuresEveryMs,
  });
  const { data: calls } = useQuery({
    queryKey: ['calls', 'latest'],
    queryFn: async ({ signal }) => (await api<Page<CallView>>('/calls?limit=10', { signal })).data,
    initialData: initial.calls,
    refetchInterval: figuresEveryMs,
  });

  const shown = servers.map((server) => ({ server, state: operations.stateOf(server) }));
  const faults = shown.flatMap(({ server, state }) => (state && needsAttention(state) ? [{ server, state }] : []));
  const steps = [
    {
      done: servers.length > 0,
      title: 'Add a server',
      text: 'Paste the configuration of any MCP client, a command line or a URL.',
      href: '/servers?add=true',
      action: 'Add server',
    },
    {
      done:
        initial.connected ||
        (hub.worker?.sessions ?? 0) > 0 ||
        calls.some((call) => call.client !== null && call.client !== 'dashboard'),
      title: 'Connect a client',
      text: 'Point Claude Code, Cursor, VS Code or any other MCP client at this hub.',
      href: '/connect',
      action: 'Connect',
    },
    {
      done: hub.calls > 0 || calls.length > 0,
      title: 'Make the first call',
      text: 'Run a tool from your client, or here in the playground.',
      href: '/playground',
      action: 'Open the playground',
    },
  ];

  return (
    <>
      <PageHeader
        title="Overview"
        description={<span role="status">{healthSentence(shown.map(({ state }) => state))}</span>}
        actions={
          rights.create &&
          servers.length > 0 && (
            <Link href="/servers?add=true" className={buttonClass('secondary')}>
              Add server
            </Link>
          )
        }
      />
      {operations.refusal && (
        <Notice
          className="mb-4"
          tone="bad"
          title={`Could not restart ${operations.refusal.server}: ${operations.refusal.failure.message}`}
          hint={operations.refusal.failure.hint}
        />
      )}
      {hub.open.length > 0 && <OpenNotice open={hub.open} />}
      <Attention
        faults={faults}
        drift={hub.drift}
        configFaults={hub.worker?.configFaults ?? []}
        configFile={hub.worker?.configFile ?? null}
        mayOperate={rights.operate}
        onRetry={(server) => void operations.run(server, 'restart')}
      />
      {rights.create && <Checklist steps={steps} />}
      <Tiles overview={hub} sessions={hub.worker?.sessions ?? null} />
      <section aria-labelledby="recent-calls" className="mt-6">
        <div className="mb-2 flex items-baseline justify-between">
          <h2 id="recent-calls" className="text-section">
            Last calls
          </h2>
          {calls.length > 0 && (
            <Link href="/calls" className="text-table text-link hover:underline">
              All calls
            </Link>
          )}
        </div>
        <RecentCalls calls={calls} />
      </section>
    </>
  );
}
