'use client';
// The credentials that a document asks for.
import { Field } from '@/app/_ui/field';
import { Input } from '@/app/_ui/input';
import type { DocumentReading, OpenApiSettings } from '@/lib/openapi/schema';
import { credentialFields, pointerOf, schemeWords, type Typed } from './openapi-values';

export interface SchemeFieldsProps {
  schemes: DocumentReading['schemes'];
  typed: Typed;
  onChange: (typed: Typed) => void;
  /** What the server has. */
  stored?: OpenApiSettings['auth'];
  /** By JSON Pointer. */
  errors: Record<string, string>;
}

export function SchemeFields({ schemes, typed, onChange, stored, errors }: SchemeFieldsProps) {
  if (schemes.length === 0) return null;
  return (
    <fieldset className="flex flex-col gap-3">
      <legend className="mb-1.5 text-table font-medium">
        Credentials
        <span className="ml-1.5 font-normal text-muted-foreground">stored as secrets, sent to this API only</span>
      </legend>
      {schemes.map((scheme) => {
        const former: Record<string, string | undefined> = stored?.[scheme.name] ?? {};
        return (
          <div key={scheme.name} className="flex flex-col gap-2 rounded-panel border border-border px-3 py-2.5">
            <p className="text-table">
              <span className="font-medium">{scheme.name}</span>{' '}
              <span className="text-muted-foreground">{schemeWords(scheme)}</span>
            </p>
            {credentialFields(scheme).length > 0 && (
              <div className="grid gap-3 sm:grid-cols-2">
                {credentialFields(scheme).map(({ field, label, secret }) => (
                  <Field
                    key={field}
                    label={label}
                    optional
                    error={errors[pointerOf(['openapi', 'auth', scheme.name, field])]}
                  >
                    {(control) => (
                      <Input
                        {...control}
                        type={secret ? 'password' : 'text'}
                        autoComplete={secret ? 'new-password' : 'off'}
                        className="font-mono"
                        placeholder={secret && former[field] ? 'stored; empty keeps it' : undefined}
                        value={typed[scheme.name]?.[field] ?? ''}
                        onChange={({ target }) =>
                          onChange({ ...typed, [scheme.name]: { ...typed[scheme.name], [field]: target.value } })
                        }
                      />
                    )}
                  </Field>
                ))}
              </div>
            )}
          </div>
        );
      })}
    </fieldset>
  );
}
