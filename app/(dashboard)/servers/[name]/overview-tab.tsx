'use client';
// How the server runs: what is wrong and what helps, its instances, and what it said of itself.
import dynamic from 'next/dynamic';
import Link from 'next/link';
import { buttonClass } from '@/app/_ui/button';
import { CodeBlock } from '@/app/_ui/code-block';
import { CopyButton } from '@/app/_ui/copy-button';
import { hubAddress } from '@/app/_ui/hub-path';
import { KeyValues } from '@/app/_ui/key-values';
import { Notice } from '@/app/_ui/notice';
import { Panel, PanelBody, PanelHeader } from '@/app/_ui/panel';
import { RelativeTime } from '@/app/_ui/relative-time';
import type { ServerState } from '@/lib/servers/schema';
import { demandText, isolationText } from '../instance-words';
import { needsAttention, type ShownServer, targetOf, typeWords } from '../shown-server';
import { Instances } from './instances';

// Shows what the worker tells after the page is there, so it need not come with it.
const EventTrail = dynamic(() => import('./event-trail').then((module) => module.EventTrail), { ssr: false });

// Of few servers.
const SignInPanel = dynamic(() => import('./sign-in-panel').then((module) => module.SignInPanel), { ssr: false });

export interface OverviewTabProps {
  server: ShownServer;
  state: ServerState | null;
  mayUpdate: boolean;
  /** Names of users by their ids, as far as the visitor may know them. */
  users: Readonly<Record<string, string>>;
}

export function OverviewTab({ server, state, mayUpdate, users }: OverviewTabProps) {
  const { status } = server;
  const target = targetOf(server);
  const stderr = status?.lastExit?.stderr;
  return (
    <div className="flex flex-col gap-4">
      {stderr && stderr.length > 0 && needsAttention(state) && (
        <CodeBlock caption="Last lines of stderr" code={stderr.slice(-20).join('\n')} wrap />
      )}
      {status?.inVain && server.isolation === 'shared' && (
        <Notice
          tone="warn"
          title={status.inVain}
          actions={
            mayUpdate ? (
              <Link href="?tab=config" className={buttonClass('secondary', 'sm')}>
                Choose who shares an instance
              </Link>
            ) : undefined
          }
        />
      )}
      {server.credential && <SignInPanel name={server.name} credential={server.credential} mayUpdate={mayUpdate} />}
      <Instances server={server} users={users} />
      <EventTrail server={server} />
      <Panel>
        <PanelHeader title="About" />
        <PanelBody className="py-1">
          <KeyValues
            rows={[
              [
                'Endpoint',
                <span key="endpoint" className="-my-1 flex items-center gap-1">
                  <code className="truncate font-mono text-[0.75rem]">/api/mcp/{server.name}</code>
                  <CopyUrl path={`/api/mcp/${server.name}`} />
                </span>,
              ],
              [
                server.type === 'stdio' ? 'Command' : 'URL',
                <code key="target" className="font-mono text-[0.75rem] wrap-anywhere">
                  {target}
                </code>,
              ],
              ['Directory', server.cwd && <code className="font-mono text-[0.75rem] break-all">{server.cwd}</code>],
              ['Type', typeWords[server.type]],
              ['Instances', isolationText(server)],
              ['Start', demandText(server)],
              [
                'Groups',
                server.groups.length > 0
                  ? server.groups.map((group, index) => (
                      <span key={group}>
                        {index > 0 && ', '}
                        <Link href={`/groups/${encodeURIComponent(group)}`} className="text-link hover:underline">
                          {group}
                        </Link>
                      </span>
                    ))
                  : 'None. Its tools are still on /api/mcp.',
              ],
              ['Added', <RelativeTime key="added" at={server.createdAt} />],
              [
                'Changed',
                server.updatedAt === server.createdAt ? null : <RelativeTime key="changed" at={server.updatedAt} />,
              ],
            ]}
          />
        </PanelBody>
      </Panel>
    </div>
  );
}

function CopyUrl({ path }: { path: string }) {
  const base = typeof location === 'undefined' ? '' : hubAddress();
  return <CopyButton text={base + path} label="Copy the URL" />;
}
