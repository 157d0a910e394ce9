'use client';
// Where a document comes from: its address, a paste, or a file.
import { useState } from 'react';
import { ApiError, api } from '@/app/_ui/api';
import { Button } from '@/app/_ui/button';
import { DialogBody, DialogFooter, DialogForm } from '@/app/_ui/dialog';
import { Field } from '@/app/_ui/field';
import { Input, Textarea } from '@/app/_ui/input';
import { ErrorNotice } from '@/app/_ui/notice';
import {
  type DocumentReading,
  type DocumentSource,
  documentMaxBytes,
  type OpenApiSettings,
} from '@/lib/openapi/schema';

export interface DocumentSourceFormProps {
  onRead: (source: DocumentSource, reading: DocumentReading) => void;
  /** Which operations the server takes. */
  filters?: Pick<OpenApiSettings, 'include' | 'exclude'>;
  /** Where the server has its document from: that address is fetched again, not given again. */
  knownUrl?: string | undefined;
}

/** Why a document cannot be used, so that it is said where the document was given. */
const isOfDocument: ReadonlySet<string> = new Set([
  'INVALID_INPUT',
  'PAYLOAD_TOO_LARGE',
  'UPSTREAM_UNAVAILABLE',
  'UPSTREAM_BAD_ANSWER',
  'UPSTREAM_TIMEOUT',
  'INTERRUPTED',
]);

export function DocumentSourceForm({ onRead, filters, knownUrl }: DocumentSourceFormProps) {
  const [url, setUrl] = useState('');
  const [text, setText] = useState('');
  const [isReading, setReading] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [faults, setFaults] = useState<{ url?: string; text?: string }>({});

  async function read() {
    setError(null);
    const isText = text.trim() !== '';
    if (!isText && url.trim() === knownUrl) {
      setFaults({ url: 'The server has its document from there: use "Refresh document".' });
      return;
    }
    setFaults({});
    setReading(true);
    const source = isText ? { document: text } : { documentUrl: url.trim() };
    try {
      onRead(source, await api<DocumentReading>('/openapi', { method: 'POST', body: { ...filters, ...source } }));
    } catch (thrown) {
      setReading(false);
      if (thrown instanceof ApiError && isOfDocument.has(thrown.code)) {
        const message = Object.values(thrown.fields)[0] ?? [thrown.message, thrown.hint].filter(Boolean).join(' ');
        setFaults(isText ? { text: message } : { url: message });
      } else setError(thrown);
    }
  }

  async function take(file: File | undefined) {
    if (!file) return;
    const isTooLarge = file.size > documentMaxBytes;
    setFaults(isTooLarge ? { text: `${file.name} is larger than 8 MiB.` } : {});
    if (!isTooLarge) setText(await file.text());
  }

  return (
    <DialogForm onSubmit={() => void read()}>
      <DialogBody className="flex flex-col gap-4">
        <Field
          label="Address of the document"
          hint="OpenAPI 3.0 or 3.1, JSON or YAML. The hub fetches it."
          error={faults.url}
        >
          {(control) => (
            <Input
              {...control}
              type="url"
              className="font-mono"
              placeholder="https://api.example.com/openapi.json"
              value={url}
              disabled={text !== ''}
              onChange={(event) => setUrl(event.target.value)}
            />
          )}
        </Field>
        <Field label="Or the document itself" optional error={faults.text}>
          {(control) => (
            <Textarea
              {...control}
              rows={7}
              spellCheck={false}
              className="font-mono text-[0.75rem]"
              placeholder={'openapi: 3.1.0\ninfo: …'}
              value={text.length > 200_000 ? `${text.slice(0, 2_000)}\n…` : text}
              readOnly={text.length > 200_000}
              onChange={(event) => setText(event.target.value)}
            />
          )}
        </Field>
        <div className="flex flex-wrap items-center gap-3">
          <input
            type="file"
            aria-label="File with the document"
            accept=".json,.yaml,.yml,application/json,application/yaml,text/yaml"
            className="max-w-full text-table file:mr-3 file:h-8 file:rounded-control file:border file:border-input/60 file:bg-card file:px-3 file:font-medium"
            onChange={({ target }) => void take(target.files?.[0])}
          />
          {text !== '' && (
            <Button variant="ghost" onClick={() => setText('')}>
              Clear the text
            </Button>
          )}
        </div>
        {error !== null && <ErrorNotice error={error} />}
      </DialogBody>
      <DialogFooter>
        <Button type="submit" variant="primary" busy={isReading} disabled={!url.trim() && !text.trim()}>
          Read document
        </Button>
      </DialogFooter>
    </DialogForm>
  );
}
