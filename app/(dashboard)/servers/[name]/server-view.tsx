'use client';
// One server: how it runs, what it offers, what it says, how it is set up.
import { useQueryClient } from '@tanstack/react-query';
import dynamic from 'next/dynamic';
import { useRouter } from 'next/navigation';
import { parseAsStringLiteral, useQueryState } from 'nuqs';
import { useState } from 'react';
import { Notice } from '@/app/_ui/notice';
import { PageHeader } from '@/app/_ui/page-header';
import { StateBadge } from '@/app/_ui/state-badge';
import { Tab, TabPanel, Tabs, TabsList } from '@/app/_ui/tabs';
import { toast } from '@/app/_ui/toaster';
import type { ToolView } from '@/lib/servers/schema';
import { OpenBadge } from '../../open-access';
import { ServerActions } from '../server-actions';
import { needsAttention, type ServerRights, type ShownServer } from '../shown-server';
import { SourceBadge } from '../source-badge';
import { useOperations } from '../use-operations';
import { useServer } from '../use-servers';
import { FaultNotice } from './fault-notice';
import { OverviewTab } from './overview-tab';

// What only one tab needs is loaded with it.
const LogsTab = dynamic(() => import('./logs-tab').then((module) => module.LogsTab), { ssr: false });
const ToolsTab = dynamic(() => import('./tools-tab').then((module) => module.ToolsTab), { ssr: false });
const DoctorTab = dynamic(() => import('./doctor-tab').then((module) => module.DoctorTab), { ssr: false });
const ConfigTab = dynamic(() => import('./config-tab'), { ssr: false });
const CapabilitiesTab = dynamic(() => import('./capabilities-tab').then((module) => module.CapabilitiesTab), {
  ssr: false,
});

const tabs = ['overview', 'tools', 'capabilities', 'logs', 'doctor', 'config'] as const;

export interface ServerViewProps {
  initial: ShownServer;
  tools: ToolView[];
  rights: ServerRights;
  /** Names of users by their ids, as far as the visitor may know them. */
  users: Readonly<Record<string, string>>;
}

export function ServerView({ initial, tools, rights, users }: ServerViewProps) {
  const [tab, setTab] = useQueryState('tab', parseAsStringLiteral(tabs).withDefault('overview'));
  const server = useServer(initial);
  const operations = useOperations();
  const router = useRouter();
  const client = useQueryClient();
  const state = operations.stateOf(server);
  const [isTestWanted, setTestWanted] = useState(false);
  const examine = () => {
    setTestWanted(true);
    void setTab('doctor');
  };
  const retry = rights.operate ? () => void operations.run(server, 'restart') : undefined;

  return (
    <>
      <PageHeader
        title={server.name}
        aside={
          <>
            <span role="status">
              <StateBadge state={state} />
            </span>
            <SourceBadge server={server} />
            <OpenBadge anonymous={server.anonymous} />
          </>
        }
        description={server.description || undefined}
        actions={
          <ServerActions
            server={server}
            state={state}
            rights={rights}
            retryElsewhere
            onOperate={(operation) => void operations.run(server, operation)}
            onRemoved={() => {
              toast(`Removed ${server.name}`);
              client.removeQueries({ queryKey: ['servers'] });
              router.push('/servers');
            }}
          />
        }
      />
      {operations.refusal && (
        <Notice
          className="mb-4"
          tone="bad"
          title={`Could not ${operations.refusal.operation} ${server.name}: ${operations.refusal.failure.message}`}
          hint={operations.refusal.failure.hint}
        />
      )}
      <FaultNotice server={server} state={state} onRetry={retry} onExamine={rights.operate ? examine : undefined} />
      {server.needsReentry.length > 0 && !needsAttention(state) && (
        <Notice
          className="mb-2"
          tone="warn"
          title={`Stored values that this hub's master key does not open: ${server.needsReentry.join(', ')}`}
          hint="Enter them again under Config, or start the hub with the right master key. Nothing is deleted."
        />
      )}
      <Tabs value={tab} onValueChange={(value) => void setTab(value as (typeof tabs)[number])}>
        <TabsList aria-label={`Parts of ${server.name}`}>
          <Tab value="overview">Overview</Tab>
          <Tab value="tools">
            Tools <span className="figures text-muted-foreground">{server.toolCount}</span>
          </Tab>
          <Tab value="capabilities">Capabilities</Tab>
          <Tab value="logs">Logs</Tab>
          <Tab value="doctor">Doctor</Tab>
          <Tab value="config">Config</Tab>
        </TabsList>
        <TabPanel value="overview">
          <OverviewTab server={server} state={state} mayUpdate={rights.update} users={users} />
        </TabPanel>
        <TabPanel value="tools">
          <ToolsTab server={server} initial={tools} mayCall={rights.call} mayUpdate={rights.update} />
        </TabPanel>
        <TabPanel value="capabilities">
          <CapabilitiesTab server={server} />
        </TabPanel>
        <TabPanel value="doctor">
          <DoctorTab
            server={server}
            mayTest={rights.operate}
            isWanted={isTestWanted}
            onBegun={() => setTestWanted(false)}
          />
        </TabPanel>
        <TabPanel value="logs">
          <LogsTab server={server} />
        </TabPanel>
        <TabPanel value="config">
          <ConfigTab server={server} mayUpdate={rights.update} mayTest={rights.create} mayOpen={rights.open} />
        </TabPanel>
      </Tabs>
    </>
  );
}
