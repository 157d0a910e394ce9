'use client';
// Where a document comes from: its address, a paste, or a file.
import { useState } from 'react';
import { api } from '@/app/_ui/api';
import { Button } from '@/app/_ui/button';
import { DialogBody, DialogFooter } from '@/app/_ui/dialog';
import { Field } from '@/app/_ui/field';
import { Input, Textarea } from '@/app/_ui/input';
import { ErrorNotice, Notice } from '@/app/_ui/notice';
import { type DocumentReading, type DocumentSource, documentMaxBytes } from '@/lib/openapi/schema';

export interface DocumentSourceFormProps {
  onRead: (source: DocumentSource, reading: DocumentReading) => void;
}

export function DocumentSourceForm({ onRead }: DocumentSourceFormProps) {
  const [url, setUrl] = useState('');
  const [text, setText] = useState('');
  const [isReading, setReading] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [tooLarge, setTooLarge] = useState(false);

  async function read() {
    setReading(true);
    setError(null);
    const source = text.trim() ? { document: text } : { documentUrl: url.trim() };
    try {
      onRead(source, await api<DocumentReading>('/openapi', { method: 'POST', body: source }));
    } catch (thrown) {
      setError(thrown);
      setReading(false);
    }
  }

  async function take(file: File | undefined) {
    if (!file) return;
    setTooLarge(file.size > documentMaxBytes);
    if (file.size <= documentMaxBytes) setText(await file.text());
  }

  return (
    <form
      className="flex min-h-0 flex-1 flex-col"
      onSubmit={(event) => {
        event.preventDefault();
        void read();
      }}
    >
      <DialogBody className="flex flex-col gap-4">
        <Field label="Address of the document" hint="OpenAPI 3.0 or 3.1, JSON or YAML. The hub fetches it.">
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
        <Field label="Or the document itself" optional>
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
        {tooLarge && <Notice tone="bad" title="The file is larger than 8 MiB." />}
        {error !== null && <ErrorNotice error={error} />}
      </DialogBody>
      <DialogFooter>
        <Button type="submit" variant="primary" busy={isReading} disabled={!url.trim() && !text.trim()}>
          Read document
        </Button>
      </DialogFooter>
    </form>
  );
}
