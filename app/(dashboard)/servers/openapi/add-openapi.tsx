'use client';
// Adds a server that is made of an OpenAPI document: first the document, then the choice among what it offers.
import { useState } from 'react';
import { api } from '@/app/_ui/api';
import { Button } from '@/app/_ui/button';
import { DialogBody } from '@/app/_ui/dialog';
import type { DocumentReading, DocumentSource } from '@/lib/openapi/schema';
import type { ServerView } from '@/lib/servers/schema';
import { FormFooter } from '../form-footer';
import { emptyServerForm, inputOf, type ServerFormValues } from '../server-form-values';
import { DocumentSourceForm } from './document-source';
import { type FromDocument, OpenApiForm } from './openapi-form';
import { suggestedName } from './openapi-values';

export function AddOpenApi({ onAdded }: { onAdded: (name: string) => void }) {
  const [read, setRead] = useState<{ source: DocumentSource; reading: DocumentReading } | null>(null);
  if (!read) return <DocumentSourceForm onRead={(source, reading) => setRead({ source, reading })} />;
  const { source, reading } = read;

  async function save(values: ServerFormValues, { baseUrl, include, auth, secrets }: FromDocument) {
    const input = inputOf(values);
    const openapi = { ...source, ...(baseUrl && { baseUrl }), ...(include && { include }), auth };
    const body = { ...input, secrets: { ...input.secrets, ...secrets }, openapi };
    onAdded((await api<ServerView>('/servers', { method: 'POST', body })).name);
  }

  return (
    <DialogBody>
      <OpenApiForm
        reading={reading}
        values={{ ...emptyServerForm, type: 'openapi', name: suggestedName(reading.title) }}
        submitLabel="Add server"
        onSave={save}
        footer={(submit, notice) => (
          <FormFooter notice={notice}>
            <Button variant="ghost" onClick={() => setRead(null)}>
              Another document
            </Button>
            {submit}
          </FormFooter>
        )}
      />
    </DialogBody>
  );
}
