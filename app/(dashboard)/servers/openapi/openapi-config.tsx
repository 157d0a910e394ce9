'use client';
// The settings of a server that is made of an OpenAPI document, and its document fetched again.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { RefreshCw } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { ApiError, api } from '@/app/_ui/api';
import { Button } from '@/app/_ui/button';
import { Field } from '@/app/_ui/field';
import { plural } from '@/app/_ui/format';
import { Input } from '@/app/_ui/input';
import { ErrorNotice, Notice } from '@/app/_ui/notice';
import { Skeleton } from '@/app/_ui/skeleton';
import { toast } from '@/app/_ui/toaster';
import type { DocumentChange, DocumentReading } from '@/lib/openapi/schema';
import type { ServerView } from '@/lib/servers/schema';
import type { ShownServer } from '../shown-server';
import { DocumentHead } from './add-openapi';
import { credentialsOf, includeOf, typedOf } from './openapi-values';
import { OperationPicker } from './operation-picker';
import { SchemeFields } from './scheme-fields';

export function OpenApiConfig({ server }: { server: ShownServer }) {
  const path = `/servers/${encodeURIComponent(server.name)}/document`;
  const { data, error } = useQuery({
    queryKey: ['servers', server.name, 'document', server.openapi?.document?.sha256, server.version],
    queryFn: ({ signal }) => api<DocumentReading>(path, { signal }),
  });
  return (
    <div className="flex flex-col gap-4">
      <Refresh server={server} path={path} />
      {error && <ErrorNotice error={error} />}
      {!data && !error && <Skeleton className="h-64 w-full" />}
      {/* What somebody else saved makes a new form, so that it is not overwritten unseen. */}
      {data && <Settings key={`${server.version} ${data.operations.length}`} server={server} reading={data} />}
    </div>
  );
}

function Refresh({ server, path }: { server: ShownServer; path: string }) {
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
          {document && <span className="block">Stored {new Date(document.fetchedAt).toLocaleString('en')}</span>}
        </p>
        {documentUrl && (
          <Button busy={isBusy} onClick={() => void refresh()}>
            <RefreshCw aria-hidden />
            Refresh document
          </Button>
        )}
      </div>
      {error !== null && <ErrorNotice error={error} />}
      {change && <Notice tone="ok" title={changeWords(change)} cause={changeList(change)} />}
    </div>
  );
}

function changeWords({ changed, added, removed, altered }: DocumentChange): string {
  if (!changed) return 'The document is the same as before.';
  const parts = [
    added.length > 0 && `${plural(added.length, 'tool')} added`,
    removed.length > 0 && `${plural(removed.length, 'tool')} removed`,
    altered.length > 0 && `${plural(altered.length, 'tool')} changed`,
  ].filter(Boolean);
  return parts.length > 0 ? `${parts.join(', ')}.` : 'The document is new, and its tools are as before.';
}

function changeList({ added, removed, altered }: DocumentChange): string | undefined {
  const lines = [
    ...added.map((tool) => `+ ${tool}`),
    ...removed.map((tool) => `- ${tool}`),
    ...altered.map((tool) => `~ ${tool}`),
  ];
  if (lines.length === 0) return undefined;
  return lines.length > 20 ? `${lines.slice(0, 20).join('\n')}\n… and ${lines.length - 20} more` : lines.join('\n');
}

function Settings({ server, reading }: { server: ShownServer; reading: DocumentReading }) {
  const stored = server.openapi;
  const client = useQueryClient();
  const router = useRouter();
  const [name, setName] = useState(server.name);
  const [baseUrl, setBaseUrl] = useState(stored?.baseUrl ?? reading.baseUrl ?? '');
  const [timeoutSeconds, setTimeoutSeconds] = useState(
    server.timeoutMs === null ? '' : String(server.timeoutMs / 1_000),
  );
  const [chosen, setChosen] = useState<ReadonlySet<string>>(
    () => new Set(reading.operations.flatMap((each) => (each.chosen ? [each.key] : []))),
  );
  const [typed, setTyped] = useState(() => typedOf(stored?.auth));
  const [isSaving, setSaving] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const fields = error instanceof ApiError ? error.fields : {};

  async function save() {
    setSaving(true);
    setError(null);
    const { auth, secrets } = credentialsOf(reading.schemes, typed, stored?.auth);
    const body = {
      ...(name.trim() !== server.name && { name: name.trim() }),
      timeoutMs: timeoutSeconds.trim() ? Math.round(Number(timeoutSeconds) * 1_000) : null,
      ...(Object.keys(secrets).length > 0 && { secrets }),
      openapi: { baseUrl: baseUrl.trim(), include: includeOf(reading, chosen) ?? null, exclude: null, auth },
    };
    try {
      const options = { method: 'PATCH' as const, body, ifMatch: server.version };
      const saved = await api<ServerView>(`/servers/${encodeURIComponent(server.name)}`, options);
      toast(`Saved ${saved.name}`);
      if (saved.name === server.name) void client.invalidateQueries({ queryKey: ['servers'] });
      else router.replace(`/servers/${encodeURIComponent(saved.name)}?tab=config`);
    } catch (thrown) {
      setError(thrown);
    } finally {
      setSaving(false);
    }
  }

  return (
    <form
      className="flex max-w-3xl flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <DocumentHead reading={reading} />
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label="Name" required error={fields['/name']}>
          {(control) => <Input {...control} value={name} onChange={(event) => setName(event.target.value)} />}
        </Field>
        <Field label="Time-out in seconds" optional error={fields['/timeoutMs']}>
          {(control) => (
            <Input
              {...control}
              inputMode="decimal"
              value={timeoutSeconds}
              onChange={(event) => setTimeoutSeconds(event.target.value)}
            />
          )}
        </Field>
        <Field label="Base URL" required className="sm:col-span-2" error={fields['/openapi/baseUrl']}>
          {(control) => (
            <Input
              {...control}
              type="url"
              className="font-mono"
              value={baseUrl}
              onChange={(event) => setBaseUrl(event.target.value)}
            />
          )}
        </Field>
      </div>
      <OperationPicker reading={reading} chosen={chosen} onChange={setChosen} error={fields['/openapi/include']} />
      <SchemeFields schemes={reading.schemes} typed={typed} onChange={setTyped} stored={stored?.auth} errors={fields} />
      {error !== null && <ErrorNotice error={error} />}
      <div>
        <Button type="submit" variant="primary" busy={isSaving} disabled={chosen.size === 0}>
          Save
        </Button>
      </div>
    </form>
  );
}
