'use client';
// One client's configuration: where it goes and what goes there.
import { ExternalLink } from 'lucide-react';
import { useState } from 'react';
import { buttonClass } from '@/app/_ui/button';
import { CodeBlock } from '@/app/_ui/code-block';
import { Select } from '@/app/_ui/select';
import { Tab, TabPanel, Tabs, TabsList } from '@/app/_ui/tabs';
import { type ClientGuide, clientGuides, entryName, keyPlaceholder, type System } from '@/lib/servers/clients';

export const clientIds = clientGuides.map(({ id }) => id);
export type ClientId = ClientGuide['id'];

const systemNames: Record<System, string> = { macos: 'macOS', windows: 'Windows', linux: 'Linux' };

export interface ClientGuidePanelProps {
  url: string;
  /** Name of the group or server; null for everything. */
  endpoint: string | null;
  /** A key that was just made; else the snippets hold a placeholder. */
  secret: string | null;
  system: System;
  client: ClientId;
  onClient: (client: ClientId) => void;
}

export function ClientGuidePanel({ url, endpoint, secret, system, client, onClient }: ClientGuidePanelProps) {
  const [shownSystem, setShownSystem] = useState(system);
  const connection = { name: entryName(endpoint), url, key: secret };

  return (
    <Tabs value={client} onValueChange={(next) => onClient(next as ClientId)}>
      <TabsList aria-label="Client">
        {clientGuides.map(({ id, label }) => (
          <Tab key={id} value={id}>
            {label}
          </Tab>
        ))}
      </TabsList>
      {clientGuides.map((guide) => (
        <TabPanel key={guide.id} value={guide.id} className="flex flex-col gap-4 pt-4">
          {guide.link && (
            <p>
              <a href={guide.link(connection)} className={buttonClass('secondary')}>
                <ExternalLink aria-hidden />
                Open in {guide.label}
              </a>
            </p>
          )}
          {guide.command && (
            <CodeBlock code={guide.command(connection)} caption="In a terminal" copyLabel="Copy the command" wrap />
          )}
          <div className="flex flex-col gap-2">
            {guide.file && (
              <div className="flex flex-wrap items-center gap-2 text-table">
                <label htmlFor={`system-${guide.id}`}>
                  {guide.command || guide.link ? 'Or add this to the file on' : 'Add this to the file on'}
                </label>
                <Select
                  id={`system-${guide.id}`}
                  value={shownSystem}
                  onChange={({ target }) => setShownSystem(target.value as System)}
                  options={Object.entries(systemNames).map(([value, label]) => ({ value, label }))}
                />
              </div>
            )}
            <CodeBlock
              code={guide.snippet(connection)}
              caption={guide.file?.[shownSystem] ?? 'URL and header'}
              copyLabel="Copy the snippet"
            />
          </div>
          <ul className="flex list-disc flex-col gap-1 pl-5 text-table text-muted-foreground">
            {guide.snippet(connection).includes(keyPlaceholder) && (
              <li>Put your key in the place of {keyPlaceholder}.</li>
            )}
            {guide.notes.map((note) => (
              <li key={note}>{note}</li>
            ))}
          </ul>
          {guide.signIn && (
            <div className="flex flex-col gap-2 border-t border-border pt-4">
              <CodeBlock
                code={guide.signIn.code(connection)}
                caption="Or without a key: sign in"
                copyLabel="Copy what it takes without a key"
                wrap
              />
              <p className="text-table text-muted-foreground">{guide.signIn.after}</p>
            </div>
          )}
        </TabPanel>
      ))}
    </Tabs>
  );
}
