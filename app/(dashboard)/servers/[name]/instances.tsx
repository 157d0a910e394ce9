// The running processes or connections of a server.
import { Figure } from '@/app/_ui/figure';
import { Panel, PanelBody, PanelHeader } from '@/app/_ui/panel';
import { RelativeTime } from '@/app/_ui/relative-time';
import { StateBadge } from '@/app/_ui/state-badge';
import type { ServerStatus } from '@/lib/servers/schema';
import { limitLabels } from '../limit-words';
import type { ShownServer } from '../shown-server';

/** Revisions are dates, so they compare as texts. */
const firstWithoutSessions = '2026-07-28';

export interface InstancesProps {
  server: ShownServer;
  /** Names of users by their ids, as far as the visitor may know them. */
  users: Readonly<Record<string, string>>;
}

export function Instances({ server, users }: InstancesProps) {
  const { status, type, isolation } = server;
  const instances = status?.instances ?? [];
  const unenforced = status?.unenforced ?? [];
  if (instances.length === 0) {
    return (
      <Panel>
        <PanelHeader title="Instances" />
        <PanelBody className="text-table text-muted-foreground">{whyNone(server)}</PanelBody>
      </Panel>
    );
  }
  return (
    <Panel>
      <PanelHeader title="Instances" description={`${status?.ready ?? 0} of ${status?.total ?? 0} ready`} />
      <ul className="hairlines">
        {instances.map((instance) => (
          <li key={instance.id} className="px-4 py-3">
            <dl className="grid grid-cols-2 gap-x-4 gap-y-3 text-table sm:grid-cols-4 lg:grid-cols-8">
              <Fact name="State">
                <StateBadge state={instance.state} plain />
              </Fact>
              <Fact name="Process">
                {instance.pid === null ? (
                  <span className="text-muted-foreground">{type === 'stdio' ? '–' : 'remote'}</span>
                ) : (
                  <span className="figures font-mono text-[0.75rem]">pid {instance.pid}</span>
                )}
              </Fact>
              <Fact name="Started">
                <RelativeTime at={instance.startedAt} empty="–" />
              </Fact>
              <Fact name="Restarts">
                <span className="figures">{instance.restarts}</span>
              </Fact>
              <Fact name="Memory">
                <Figure value={instance.rssBytes} as="bytes" />
              </Fact>
              <Fact name="CPU">
                <Figure value={shareOf(instance.cpuPercent)} as="share" />
              </Fact>
              <Fact name="Processes">
                <Figure value={instance.processes} as="count" />
              </Fact>
              {type !== 'openapi' && (
                <Fact name="Protocol">
                  {instance.protocolVersion ? (
                    <>
                      <span className="figures whitespace-nowrap">{instance.protocolVersion}</span>{' '}
                      <span className="whitespace-nowrap text-caption text-muted-foreground">
                        {instance.protocolVersion < firstWithoutSessions ? 'sessions' : 'no sessions'}
                      </span>
                    </>
                  ) : (
                    <span className="text-muted-foreground">–</span>
                  )}
                </Fact>
              )}
            </dl>
            {isolation !== 'shared' && (
              <p className="mt-2 text-table">
                <Whose instance={instance} isolation={isolation} users={users} />
              </p>
            )}
            {instance.draining && <p className="mt-2 text-table">Finishes its calls, then ends.</p>}
            {instance.circuit !== undefined && instance.circuit !== 'closed' && (
              <p className="mt-2 text-table">
                {instance.circuit === 'open' ? 'Gets no calls for now: ' : 'Is tried with one call: '}
                {instance.health?.ok === false ? 'it did not answer a health check.' : 'several in a row failed.'}
              </p>
            )}
            {instance.health && (
              <p className="mt-2 text-table text-muted-foreground">
                {instance.health.ok ? (
                  'Last health check: answered'
                ) : (
                  <span className="text-bad">
                    Health checks without an answer: <span className="figures">{instance.health.failures}</span>
                  </span>
                )}{' '}
                <RelativeTime at={instance.health.at} />
              </p>
            )}
            {instance.message && <p className="mt-2 text-table break-words">{instance.message}</p>}
            {instance.url && <p className="mt-2 font-mono text-[0.75rem] break-all">{instance.url}</p>}
            {instance.serverInfo && (
              <p className="mt-2 text-table text-muted-foreground">
                Says it is <span className="text-foreground">{instance.serverInfo.name}</span>
                {instance.serverInfo.version && ` ${instance.serverInfo.version}`}
              </p>
            )}
          </li>
        ))}
      </ul>
      {unenforced.length > 0 && (
        <PanelBody className="border-t border-border text-table text-muted-foreground">
          Not enforced on this platform: {limitLabels(unenforced)}.
        </PanelBody>
      )}
    </Panel>
  );
}

function whyNone({ status, isolation }: ShownServer): string {
  if (status?.state !== 'asleep') return 'None is running.';
  return isolation === 'shared'
    ? 'None is running: the next call starts it. Its tools stay listed.'
    : `None is running: each ${isolation} gets one with the first call. Its tools stay listed.`;
}

interface WhoseProps extends Pick<InstancesProps, 'users'> {
  instance: ServerStatus['instances'][number];
  isolation: 'user' | 'session';
}

function Whose({ instance: { whose }, isolation, users }: WhoseProps) {
  if (whose === undefined) return 'Of nobody: lists come from it.';
  if (whose === '') return `Ready for the next ${isolation}.`;
  if (isolation === 'user') return users[whose] ? `Of ${users[whose]}.` : 'Of a user.';
  return (
    <>
      Of session <code className="font-mono text-[0.75rem]">{whose.slice(0, 8)}</code>
    </>
  );
}

/** Of one core, as a share of one. */
function shareOf(percent: number | null | undefined): number | null {
  return percent == null ? null : percent / 100;
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="text-caption text-muted-foreground">{name}</dt>
      <dd className="mt-0.5">{children}</dd>
    </div>
  );
}
