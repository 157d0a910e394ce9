'use client';
// The settings of a server that is made of an OpenAPI document, and its document fetched again or replaced.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { RefreshCw } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { api } from '@/app/_ui/api';
import { Button } from '@/app/_ui/button';
import { formatBytes } from '@/app/_ui/format';
import { ErrorNotice, Notice } from '@/app/_ui/notice';
import { Skeleton } from '@/app/_ui/skeleton';
import { toast } from '@/app/_ui/toaster';
import type { DocumentChange, DocumentReading } from '@/lib/openapi/schema';
import type { ServerView } from '@/lib/servers/schema';
import { patchOf, type ServerFormValues, valuesOf } from '../server-form-values';
import type { ShownServer } from '../shown-server';
import { changeLines, changeWords } from './document-change';
import { type FromDocument, OpenApiForm } from './openapi-form';
import { ChangeNotice, ReplaceDocument, type Replacement } from './replace-document';

export interface OpenApiConfigProps {
  server: ShownServer;
  /** Another document is as much as another server. */
  mayReplace: boolean;
}

export function OpenApiConfig({ server, mayReplace }: OpenApiConfigProps) {
  const path = `/servers/${encodeURIComponent(server.name)}/document`;
  const { data, error } = useQuery({
    queryKey: ['servers', server.name, 'document', server.openapi?.document?.sha256, server.version],
    queryFn: ({ signal }) => api<DocumentReading>(path, { signal }),
  });
  const [isReplacing, setReplacing] = useState(false);
  const [chosen, setChosen] = useState<(Replacement & { version: number }) | null>(null);
  // One that was chosen for an earlier version is saved, or out of date.
  const replacement = chosen?.version === server.version ? chosen : null;

  return (
    <div className="flex max-w-[640px] flex-col gap-4">
      <StoredDocument
        server={server}
        path={path}
        isReplaced={replacement !== null}
        onReplace={mayReplace && data ? () => setReplacing(true) : undefined}
      />
      {error && <ErrorNotice error={error} />}
      {!data && !error && <Skeleton className="h-64 w-full" />}
      {data && replacement && (
        <div className="flex flex-col gap-2">
          <p className="flex flex-wrap items-center gap-x-3 gap-y-2 text-table">
            <span className="min-w-0 flex-1 basis-64">
              To be replaced by{' '}
              {'documentUrl' in replacement.source ? (
                <span className="font-mono text-[0.75rem] break-all">{replacement.source.documentUrl}</span>
              ) : (
                'the text that was given'
              )}
            </span>
            <Button onClick={() => setChosen(null)}>Keep the stored one</Button>
          </p>
          <ChangeNotice before={data} after={replacement.reading} />
        </div>
      )}
      {/* What somebody else saved makes a new form, so that it is not overwritten unseen. */}
      {data && (
        <Settings
          key={`${server.version} ${server.openapi?.document?.sha256}`}
          server={server}
          reading={replacement?.reading ?? data}
          source={replacement?.source}
        />
      )}
      {data && isReplacing && (
        <ReplaceDocument
          reading={data}
          stored={server.openapi}
          onClose={() => setReplacing(false)}
          onReplace={(next) => {
            setChosen({ ...next, version: server.version });
            setReplacing(false);
          }}
        />
      )}
    </div>
  );
}

interface StoredDocumentProps {
  server: ShownServer;
  path: string;
  isReplaced: boolean;
  onReplace: (() => void) | undefined;
}

function StoredDocument({ server, path, isReplaced, onReplace }: StoredDocumentProps) {
  const client = useQueryClient();
  const [isBusy, setBusy] = useState(false);
  const [change, setChange] = useState<DocumentChange | null>(null);
  const [error, setError] = useState<unknown>(null);
  const { documentUrl, document } = server.openapi ?? {};

  async function refresh() {
    setBusy(true);
    setError(null);
    setChange(null);
    try {
      setChange(await api<DocumentChange>(`${path}/refresh`, { method: 'POST' }));
      void client.invalidateQueries({ queryKey: ['servers'] });
    } catch (thrown) {
      setError(thrown);
    } finally {
      setBusy(false);
    }
  }

  return (
    <div className="flex flex-col gap-2">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <p className="min-w-0 flex-1 basis-64 text-table text-muted-foreground">
          <span className="font-mono text-[0.75rem] break-all">
            {documentUrl ?? 'The document was given as a text.'}
          </span>
          {document && (
            <span className="block">
              Stored {new Date(document.fetchedAt).toLocaleString('en')}, {sizeText(document.bytes)}
            </span>
          )}
        </p>
        <div className="flex flex-wrap gap-2">
          {documentUrl && !isReplaced && (
            <Button busy={isBusy} onClick={() => void refresh()}>
              <RefreshCw aria-hidden />
              Refresh document
            </Button>
          )}
          {onReplace && <Button onClick={onReplace}>Replace document…</Button>}
        </div>
      </div>
      {error !== null && <ErrorNotice error={error} />}
      {change && !isReplaced && <Notice tone="ok" title={refreshedWords(change)} cause={changeLines(change)} />}
    </div>
  );
}

function refreshedWords(change: DocumentChange): string {
  if (!change.changed) return 'The document is the same as before.';
  return changeWords(change, 'tool') ?? 'The document is new, and its tools are as before.';
}

function sizeText(bytes: number): string {
  const { value, unit } = formatBytes(bytes);
  return `${value} ${unit}`;
}

interface SettingsProps {
  server: ShownServer;
  reading: DocumentReading;
  /** Where another document comes from. */
  source: Replacement['source'] | undefined;
}

function Settings({ server, reading, source }: SettingsProps) {
  const client = useQueryClient();
  const router = useRouter();

  async function save(values: ServerFormValues, { baseUrl, include, auth, secrets }: FromDocument) {
    const patch = patchOf(server, values);
    // A text has no address: what would be fetched from the former one is another document.
    const document = source && { documentUrl: null, ...source };
    const body = {
      ...patch,
      secrets: { ...patch.secrets, ...secrets },
      openapi: { ...document, baseUrl, include: include ?? null, exclude: null, auth },
    };
    const options = { method: 'PATCH' as const, body, ifMatch: server.version };
    const saved = await api<ServerView>(`/servers/${encodeURIComponent(server.name)}`, options);
    toast(`Saved ${saved.name}`);
    if (saved.name === server.name) void client.invalidateQueries({ queryKey: ['servers'] });
    else router.replace(`/servers/${encodeURIComponent(saved.name)}?tab=config`);
  }

  return (
    <OpenApiForm
      reading={reading}
      values={valuesOf(server)}
      stored={server.openapi}
      submitLabel="Save"
      onSave={save}
      footer={(submit, notice) => (
        <div className="flex flex-col items-start gap-3">
          {notice && <div className="w-full">{notice}</div>}
          {submit}
        </div>
      )}
    />
  );
}
