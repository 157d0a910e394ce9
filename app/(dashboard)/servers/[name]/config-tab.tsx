'use client';
// How the server is set up: a form, or the values to read where they belong to a file or may not be changed.
import { useQueryClient } from '@tanstack/react-query';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { answered } from '@/app/_ui/answered';
import { plural } from '@/app/_ui/format';
import { hubAddress } from '@/app/_ui/hub-path';
import { KeyValues } from '@/app/_ui/key-values';
import { Notice } from '@/app/_ui/notice';
import { Panel, PanelBody } from '@/app/_ui/panel';
import { toast } from '@/app/_ui/toaster';
import type { ActionFailure } from '@/lib/errors';
import { endpointUrl } from '@/lib/servers/clients';
import { OpenAccess } from '../../open-access';
import { ToolListCard } from '../../tool-list-card';
import { updateServerAction } from '../actions';
import { demandText, isolationText } from '../instance-words';
import { limitText } from '../limit-words';
import { OpenApiConfig } from '../openapi/openapi-config';
import { ServerForm } from '../server-form';
import { patchOf, type ServerFormValues, valuesOf } from '../server-form-values';
import { type ShownServer, typeWords } from '../shown-server';
import { signInText } from '../sign-in-values';

const changeWords = {
  allow: 'Served as they are',
  warn: null,
  hold: 'Held until somebody approves',
} as const;

export interface ConfigTabProps {
  server: ShownServer;
  mayUpdate: boolean;
  /** Settings that are not saved yet. */
  mayTest: boolean;
  /** To callers without a key. */
  mayOpen: boolean;
}

export default function ConfigTab({ mayOpen, ...props }: ConfigTabProps) {
  return (
    <>
      <Settings {...props} />
      <List server={props.server} mayUpdate={props.mayUpdate} />
      <Access server={props.server} mayOpen={mayOpen} mayUpdate={props.mayUpdate} />
    </>
  );
}

function List({ server, mayUpdate }: Pick<ConfigTabProps, 'server' | 'mayUpdate'>) {
  const client = useQueryClient();
  return (
    <ToolListCard
      className="mt-6 max-w-3xl"
      path={`/api/mcp/${server.name}`}
      resource={`/servers/${encodeURIComponent(server.name)}`}
      isField
      server={server.name}
      value={server.toolList}
      version={server.version}
      mayUpdate={mayUpdate && server.source === 'api'}
      onSaved={() => client.invalidateQueries({ queryKey: ['servers'] })}
    />
  );
}

function Access({ server, mayOpen, mayUpdate }: Omit<ConfigTabProps, 'mayTest'>) {
  const client = useQueryClient();
  const isHere = server.source === 'api';
  return (
    <OpenAccess
      kind="server"
      name={server.name}
      url={endpointUrl(hubAddress(), server.name)}
      anonymous={server.anonymous}
      mayOpen={mayOpen && isHere}
      mayShut={mayUpdate && isHere}
      reach={`all ${plural(server.toolCount, 'tool')} of ${server.name}, also later ones, its resources and prompts`}
      onChange={async (anonymous) => {
        const answer = await answered(
          updateServerAction({ name: server.name, patch: { anonymous }, ifVersion: server.version }),
        );
        if (!answer.ok) return answer;
        toast(anonymous ? `${server.name} is open to everybody` : `${server.name} asks for a key`);
        await client.invalidateQueries({ queryKey: ['servers'] });
        return null;
      }}
    />
  );
}

function Settings({ server, mayUpdate, mayTest }: Omit<ConfigTabProps, 'mayOpen'>) {
  if (server.source === 'file') {
    return (
      <ReadOnly
        server={server}
        reason={`This server belongs to ${server.sourceFile ?? 'the servers file'} and is read-only here.`}
        hint="Change its entry there: the hub watches the file and follows at once."
      />
    );
  }
  if (!mayUpdate) return <ReadOnly server={server} reason="You may see this server but not change it." />;
  if (server.type === 'openapi') return <OpenApiConfig server={server} mayReplace={mayTest} />;
  // A new version makes a new form, so that what somebody else saved is not overwritten unseen.
  return <Editable key={server.version} server={server} mayTest={mayTest} />;
}

function Editable({ server, mayTest }: { server: ShownServer; mayTest: boolean }) {
  const [refusal, setRefusal] = useState<ActionFailure | null>(null);
  const client = useQueryClient();
  const router = useRouter();

  async function save(values: ServerFormValues): Promise<ActionFailure | null> {
    setRefusal(null);
    const patch = patchOf(server, values);
    const answer = await answered(updateServerAction({ name: server.name, patch, ifVersion: server.version }));
    if (!answer.ok) {
      setRefusal(answer);
      return answer;
    }
    toast(`Saved ${answer.data.name}`);
    if (answer.data.name === server.name) void client.invalidateQueries({ queryKey: ['servers'] });
    else router.replace(`/servers/${encodeURIComponent(answer.data.name)}?tab=config`);
    return null;
  }

  return (
    <div className="flex flex-col gap-4">
      {refusal && <Notice tone="bad" title={refusal.message} hint={refusal.hint} />}
      <ServerForm
        values={valuesOf(server)}
        fixedType
        submitLabel="Save"
        onSubmit={save}
        testableOf={
          mayTest
            ? (values) => ({
                path: `/servers/${encodeURIComponent(server.name)}/test`,
                body: { patch: patchOf(server, values) },
              })
            : undefined
        }
      />
      <p className="max-w-[72ch] text-table text-muted-foreground">
        Values of variables, headers and secrets are shown masked; one that you do not touch stays as it is. Saving
        restarts the server if what it runs has changed.
      </p>
    </div>
  );
}

function ReadOnly({ server, reason, hint }: { server: ShownServer; reason: string; hint?: string }) {
  const mono = (text: string) => <code className="font-mono text-[0.75rem] break-all whitespace-pre-wrap">{text}</code>;
  const pairs = (record: Record<string, string>) => {
    const lines = Object.entries(record).map(([key, value]) => `${key}=${value}`);
    return lines.length > 0 ? mono(lines.join('\n')) : null;
  };
  return (
    <div className="flex flex-col gap-4">
      <Notice tone="neutral" title={reason} hint={hint} />
      <Panel>
        <PanelBody className="py-1">
          <KeyValues
            rows={[
              ['Type', typeWords[server.type]],
              ['Command', server.command && mono(server.command)],
              ['Arguments', server.args.length > 0 ? mono(server.args.join('\n')) : null],
              ['Environment', pairs(server.env)],
              ['Directory', server.cwd && mono(server.cwd)],
              ['URL', server.url && mono(server.url)],
              ['Document', server.openapi?.documentUrl && mono(server.openapi.documentUrl)],
              ['Base URL', server.openapi?.baseUrl && mono(server.openapi.baseUrl)],
              ['Headers', pairs(server.headers)],
              ['Secrets', pairs(server.secrets)],
              ['Protocol', server.era === 'auto' ? null : server.era],
              ['Processes', server.replicas > 1 ? server.replicas : null],
              [
                'Addresses',
                server.endpoints.length > 0
                  ? mono(server.endpoints.map(({ url, weight }) => `${url} ${weight}`).join('\n'))
                  : null,
              ],
              ['Sign-in', server.credential && signInText(server.credential)],
              ['Instances', isolationText(server)],
              ['Start', demandText(server)],
              ['Balancing', server.balancing === 'round-robin' ? null : server.balancing],
              ['Safe calls', server.repeatSafeCalls ? 'Sent once more when the connection breaks' : null],
              ['Tools that change', changeWords[server.definitionChanges]],
              ['Certificates', server.tls?.ca && mono(server.tls.ca)],
              ['Certificate name', server.tls?.serverName && mono(server.tls.serverName)],
              ['Health check', server.healthCheck && `Every ${server.healthCheck.intervalSeconds} s`],
              ['Time-out', server.timeoutMs === null ? 'Default' : `${server.timeoutMs / 1_000} s`],
              ['Limits', limitText(server.limits)],
              ['Enabled', server.enabled ? 'Yes' : 'No'],
            ]}
          />
        </PanelBody>
      </Panel>
    </div>
  );
}
