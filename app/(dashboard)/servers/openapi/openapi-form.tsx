'use client';
// The form of a server that is made of an OpenAPI document: what comes from the document, and the settings that it has like
// any other server. For adding one and for changing one.
import { type ReactNode, useState } from 'react';
import { ApiError } from '@/app/_ui/api';
import { Field } from '@/app/_ui/field';
import { Input } from '@/app/_ui/input';
import { ErrorNotice } from '@/app/_ui/notice';
import type { ActionFailure } from '@/lib/errors';
import type { DocumentReading, OpenApiSettings } from '@/lib/openapi/schema';
import { ServerForm } from '../server-form';
import type { ServerFormValues } from '../server-form-values';
import { DocumentHead } from './document-head';
import {
  carriedOver,
  chosenOf,
  credentialFields,
  credentialsOf,
  includeOf,
  pointerOf,
  typedOf,
} from './openapi-values';
import { OperationPicker } from './operation-picker';
import { SchemeFields } from './scheme-fields';

/** What is taken from the document. */
export interface FromDocument {
  /** Empty: the one that the document names. */
  baseUrl: string;
  /** Absent: all operations. */
  include: OpenApiSettings['include'];
  auth: NonNullable<OpenApiSettings['auth']>;
  /** What `auth` refers to, as far as it was typed. */
  secrets: Record<string, string>;
}

export interface OpenApiFormProps {
  reading: DocumentReading;
  values: ServerFormValues;
  /** What the server has; absent for a new one. */
  stored?: OpenApiSettings | null;
  submitLabel: string;
  /** @throws ApiError whose fields are shown at their places */
  onSave: (values: ServerFormValues, fromDocument: FromDocument) => Promise<void>;
  footer: (submit: ReactNode, notice: ReactNode) => ReactNode;
}

export function OpenApiForm({ reading, values, stored, submitLabel, onSave, footer }: OpenApiFormProps) {
  const [baseUrl, setBaseUrl] = useState(stored?.baseUrl ?? reading.baseUrl ?? '');
  const [chosen, setChosen] = useState<ReadonlySet<string>>(() => chosenOf(reading));
  const [typed, setTyped] = useState(() => typedOf(stored?.auth));
  const [error, setError] = useState<unknown>(null);
  const fields = error instanceof ApiError ? error.fields : {};

  // Another document takes the place of the one before, and what was filled in stays.
  const [former, setFormer] = useState(reading);
  if (former !== reading) {
    setFormer(reading);
    setChosen(carriedOver(former, chosen, reading));
    if (!baseUrl.trim()) setBaseUrl(reading.baseUrl ?? '');
  }

  async function submit(input: ServerFormValues): Promise<ActionFailure | null> {
    setError(null);
    const { auth, secrets } = credentialsOf(reading.schemes, typed, stored?.auth ?? {});
    try {
      await onSave(input, { baseUrl: baseUrl.trim(), include: includeOf(reading, chosen), auth, secrets });
      return null;
    } catch (thrown) {
      setError(thrown);
      if (!(thrown instanceof ApiError)) throw thrown;
      const { code, message, fields, requestId = '' } = thrown;
      return { ok: false, code, message, fields, requestId };
    }
  }

  const shown = [
    '/openapi/baseUrl',
    '/openapi/include',
    '/openapi/exclude',
    ...reading.schemes.flatMap((scheme) =>
      credentialFields(scheme).map(({ field }) => pointerOf(['openapi', 'auth', scheme.name, field])),
    ),
  ];
  const pointers = Object.keys(fields);
  // What no field shows is said beside the button.
  const isElsewhere =
    error !== null &&
    (pointers.length === 0 || pointers.some((each) => each.startsWith('/openapi') && !shown.includes(each)));
  const isOther = reading.baseUrl !== null && reading.baseUrl !== baseUrl.trim();
  return (
    <ServerForm
      values={values}
      fixedType
      submitLabel={submitLabel}
      onSubmit={submit}
      isIncomplete={chosen.size === 0}
      footer={(button) => footer(button, isElsewhere && <ErrorNotice error={error} />)}
    >
      <Field
        label="Base URL"
        required
        error={fields['/openapi/baseUrl']}
        hint={isOther ? `Calls and credentials go there. The document names ${reading.baseUrl}` : undefined}
      >
        {(control) => (
          <Input
            {...control}
            type="url"
            className="font-mono"
            autoComplete="off"
            value={baseUrl}
            onChange={(event) => setBaseUrl(event.target.value)}
          />
        )}
      </Field>
      <DocumentHead reading={reading} />
      <OperationPicker
        reading={reading}
        chosen={chosen}
        onChange={setChosen}
        error={fields['/openapi/include'] ?? fields['/openapi/exclude']}
      />
      <SchemeFields schemes={reading.schemes} typed={typed} onChange={setTyped} stored={stored?.auth} errors={fields} />
    </ServerForm>
  );
}
