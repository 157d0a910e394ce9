'use client';
// Adds a server that is made of an OpenAPI document: first the document, then the choice among what it offers.
import { useState } from 'react';
import { ApiError, api } from '@/app/_ui/api';
import { Button } from '@/app/_ui/button';
import { DialogBody, DialogFooter } from '@/app/_ui/dialog';
import { Field } from '@/app/_ui/field';
import { plural } from '@/app/_ui/format';
import { Input } from '@/app/_ui/input';
import { ErrorNotice, Notice } from '@/app/_ui/notice';
import type { DocumentReading, DocumentSource } from '@/lib/openapi/schema';
import type { ServerView } from '@/lib/servers/schema';
import { DocumentSourceForm } from './document-source';
import { credentialsOf, includeOf, suggestedName, type Typed } from './openapi-values';
import { OperationPicker } from './operation-picker';
import { SchemeFields } from './scheme-fields';

export function AddOpenApi({ onAdded }: { onAdded: (name: string) => void }) {
  const [read, setRead] = useState<{ source: DocumentSource; reading: DocumentReading } | null>(null);
  if (!read) return <DocumentSourceForm onRead={(source, reading) => setRead({ source, reading })} />;
  return <Chosen {...read} onBack={() => setRead(null)} onAdded={onAdded} />;
}

interface ChosenProps {
  source: DocumentSource;
  reading: DocumentReading;
  onBack: () => void;
  onAdded: (name: string) => void;
}

function Chosen({ source, reading, onBack, onAdded }: ChosenProps) {
  const [name, setName] = useState(() => suggestedName(reading.title));
  const [baseUrl, setBaseUrl] = useState(reading.baseUrl ?? '');
  const [chosen, setChosen] = useState<ReadonlySet<string>>(() => new Set(reading.operations.map(({ key }) => key)));
  const [typed, setTyped] = useState<Typed>({});
  const [isSaving, setSaving] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const fields = error instanceof ApiError ? error.fields : {};

  async function save() {
    setSaving(true);
    setError(null);
    const { auth, secrets } = credentialsOf(reading.schemes, typed);
    const include = includeOf(reading, chosen);
    const openapi = {
      ...source,
      ...(baseUrl.trim() && { baseUrl: baseUrl.trim() }),
      ...(include && { include }),
      auth,
    };
    try {
      const body = { type: 'openapi', name: name.trim(), secrets, openapi };
      onAdded((await api<ServerView>('/servers', { method: 'POST', body })).name);
    } catch (thrown) {
      setError(thrown);
      setSaving(false);
    }
  }

  return (
    <form
      className="flex min-h-0 flex-1 flex-col"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <DialogBody className="flex flex-col gap-4">
        <DocumentHead reading={reading} />
        <div className="grid gap-4 sm:grid-cols-2">
          <Field label="Name" required error={fields['/name']}>
            {(control) => <Input {...control} value={name} onChange={(event) => setName(event.target.value)} />}
          </Field>
          <Field label="Base URL" required error={fields['/openapi/baseUrl']}>
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
        <SchemeFields schemes={reading.schemes} typed={typed} onChange={setTyped} errors={fields} />
        {error !== null && <ErrorNotice error={error} />}
      </DialogBody>
      <DialogFooter>
        <Button variant="ghost" onClick={onBack}>
          Another document
        </Button>
        <Button type="submit" variant="primary" busy={isSaving} disabled={chosen.size === 0 || !name.trim()}>
          Add server
        </Button>
      </DialogFooter>
    </form>
  );
}

/** What the document says of itself, and what was odd in it. */
export function DocumentHead({ reading }: { reading: DocumentReading }) {
  const { title, version, openapi, warnings, faults } = reading;
  return (
    <div className="flex flex-col gap-2">
      <p className="text-table">
        <span className="font-medium break-words">{title}</span>{' '}
        <span className="text-muted-foreground">
          {version && `version ${version}, `}OpenAPI {openapi}, {plural(reading.operations.length, 'operation')}
        </span>
      </p>
      {warnings.map((warning) => (
        <Notice key={warning} tone="warn" title={warning} />
      ))}
      {faults.length > 0 && (
        <Notice
          tone="warn"
          title={`${plural(faults.length, 'operation')} cannot be offered.`}
          cause={faults
            .slice(0, 5)
            .map(({ operation, reason }) => `${operation}: ${reason}`)
            .join('\n')}
        />
      )}
    </div>
  );
}
