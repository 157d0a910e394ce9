'use client';
// Three steps: what to connect to, a key, and the client's own configuration.
import { KeyRound } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs';
import { useState } from 'react';
import { answered } from '@/app/_ui/answered';
import { Button } from '@/app/_ui/button';
import { CopyButton } from '@/app/_ui/copy-button';
import { Field } from '@/app/_ui/field';
import { Notice } from '@/app/_ui/notice';
import { PageHeader } from '@/app/_ui/page-header';
import { Panel, PanelBody, PanelHeader } from '@/app/_ui/panel';
import { Select } from '@/app/_ui/select';
import type { ActionFailure } from '@/lib/errors';
import { clientGuides, endpointUrl } from '@/lib/servers/clients';
import { createKeyAction } from '../keys/actions';
import { SecretOnce } from '../keys/secret-once';
import { ToolListCard } from '../tool-list-card';
import { ClientGuidePanel, clientIds } from './client-guide-panel';
import { FirstRequest } from './first-request';
import type { ConnectData } from './load';

export function ConnectView({ data }: { data: ConnectData }) {
  const [{ client, endpoint }, setQuery] = useQueryStates({
    client: parseAsStringLiteral(clientIds).withDefault('claude-code'),
    endpoint: parseAsString,
  });
  const [secret, setSecret] = useState<string | null>(null);
  const router = useRouter();
  const url = endpointUrl(data.base, endpoint);

  return (
    <>
      <PageHeader
        title="Connect a client"
        description="One URL gives an MCP client all the tools you may use, with a key or by signing in."
      />
      <div className="flex max-w-[52rem] flex-col gap-4">
        <Panel>
          <PanelHeader title="1. What to connect to" />
          <PanelBody className="flex flex-col gap-3">
            <EndpointSelect data={data} value={endpoint} onChange={(next) => void setQuery({ endpoint: next })} />
            <div className="flex items-center gap-1">
              <code className="min-w-0 rounded-control bg-sunken px-2 py-1 font-mono text-[0.75rem] break-all">
                {url}
              </code>
              <CopyButton text={url} label="Copy the URL" />
            </div>
          </PanelBody>
        </Panel>
        <Panel>
          <PanelHeader title="2. A key for it" />
          <PanelBody>
            {secret ? (
              <SecretOnce secret={secret} />
            ) : (
              <FreshKey mayCreate={data.mayCreateKey} client={client} onMade={setSecret} />
            )}
          </PanelBody>
        </Panel>
        <Panel>
          <PanelHeader title="3. The client" />
          <PanelBody className="flex flex-col gap-4">
            <ClientGuidePanel
              url={url}
              endpoint={endpoint}
              secret={secret}
              system={data.system}
              client={client}
              onClient={(next) => void setQuery({ client: next })}
            />
            <FirstRequest />
          </PanelBody>
        </Panel>
        {endpoint === null && data.toolList && (
          <ToolListCard
            path="/api/mcp"
            resource="/settings/tool-list"
            isField={false}
            value={data.toolList}
            version={data.toolList.version}
            mayUpdate={data.mayChangeList}
            onSaved={async () => router.refresh()}
          />
        )}
      </div>
    </>
  );
}

interface EndpointSelectProps {
  data: ConnectData;
  value: string | null;
  onChange: (endpoint: string | null) => void;
}

function EndpointSelect({ data, value, onChange }: EndpointSelectProps) {
  const isKnown = value === null || [...data.groups, ...data.servers].includes(value);
  return (
    <Field
      label="Endpoint"
      error={isKnown ? null : `There is no group or server “${value}”, or it is not yours to see.`}
      hint="Fewer tools make a model choose better: a group or a single server has a URL of its own."
    >
      {(control) => (
        <Select
          {...control}
          className="w-full max-w-80"
          value={value ?? ''}
          onChange={({ target }) => onChange(target.value || null)}
          options={[
            { value: '', label: 'Everything you may use' },
            ...(isKnown || value === null ? [] : [{ value, label: value }]),
            ...data.groups.map((name) => ({ value: name, label: `Group ${name}` })),
            ...data.servers.map((name) => ({ value: name, label: `Server ${name}` })),
          ]}
        />
      )}
    </Field>
  );
}

interface FreshKeyProps {
  mayCreate: boolean;
  client: string;
  onMade: (secret: string) => void;
}

function FreshKey({ mayCreate, client, onMade }: FreshKeyProps) {
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<ActionFailure | null>(null);
  const label = clientGuides.find((guide) => guide.id === client)?.label ?? client;

  async function make() {
    setBusy(true);
    const answer = await answered(createKeyAction({ name: label === 'Other' ? 'MCP client' : label }));
    setBusy(false);
    if (answer.ok) onMade(answer.data.secret);
    else setRefusal(answer);
  }

  if (!mayCreate) return <Notice tone="neutral" title="You may not make keys." hint="Ask an administrator for one." />;
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <Button variant="primary" busy={busy} onClick={make}>
          <KeyRound aria-hidden />
          Make a key for {label === 'Other' ? 'this client' : label}
        </Button>
        <p className="text-table text-muted-foreground">
          Or use one that you have: the snippets show where it goes. A client that can sign in needs none.
        </p>
      </div>
      {refusal && <Notice tone="bad" title={refusal.message} hint={refusal.hint} />}
    </div>
  );
}
