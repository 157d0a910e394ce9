'use client';
// The form of an overlay: what the server says stands beside what models are to see, and the result is shown at once.
import { useId, useMemo, useState } from 'react';
import { Button } from '@/app/_ui/button';
import { Field } from '@/app/_ui/field';
import { Input, Textarea } from '@/app/_ui/input';
import { Notice } from '@/app/_ui/notice';
import { Select } from '@/app/_ui/select';
import { Switch } from '@/app/_ui/switch';
import type { ActionFailure } from '@/lib/errors';
import { curate, isEmptyOverlay, shownOf } from '@/lib/servers/curation/curate';
import { requiredOf } from '@/lib/servers/curation/input-schema';
import type { OverlayView, ToolOverlay } from '@/lib/servers/curation/schema';
import { OverlayPreview } from './overlay-preview';
import {
  type HintKey,
  hintKeys,
  type OverlayValues,
  overlayOf,
  parametersToShow,
  placeOf,
  valuesOf,
} from './overlay-values';
import { ParameterFields } from './parameter-fields';

const hintWords: Record<HintKey, string> = {
  readOnlyHint: 'Read-only',
  destructiveHint: 'Destructive',
  idempotentHint: 'Idempotent',
  openWorldHint: 'Open world',
};

export interface OverlayFormProps {
  view: OverlayView;
  onCancel: () => void;
  /** @returns the refusal, whose fields are shown at their places */
  onSave: (overlay: ToolOverlay) => Promise<ActionFailure | null>;
}

export function OverlayForm({ view, onCancel, onSave }: OverlayFormProps) {
  const { upstream, base, group } = view;
  const parameters = useMemo(() => parametersToShow(base, view.overlay), [base, view.overlay]);
  const [values, setValues] = useState(() => valuesOf(view.overlay, parameters));
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<ActionFailure | null>(null);
  const enabledId = useId();
  const set = (change: Partial<OverlayValues>) => setValues((before) => ({ ...before, ...change }));

  const read = overlayOf(values, parameters);
  const curated = base ? curate({ ...base }, read.overlay) : null;
  const faults = { ...read.faults, ...refusal?.fields };
  for (const { parameter, text } of curated?.faults ?? []) faults[placeOf(parameter)] ??= text;
  const required = useMemo(() => requiredOf(base?.inputSchema ?? {}), [base]);
  const isUnchanged = JSON.stringify(read.overlay) === JSON.stringify(view.overlay);
  const hasPlace = (pointer: string) => /^\/(name|title|description|annotations\/title|parameters\/.*)$/.test(pointer);

  async function save(overlay: ToolOverlay) {
    setBusy(true);
    setRefusal(await onSave(overlay));
    setBusy(false);
  }

  return (
    <form
      noValidate
      className="flex min-h-full flex-col"
      onSubmit={(event) => {
        event.preventDefault();
        void save(read.overlay);
      }}
    >
      <div className="grid flex-1 content-start gap-x-6 gap-y-5 p-4 lg:grid-cols-2">
        <div className="flex min-w-0 flex-col gap-4">
          {refusal && !Object.keys(refusal.fields).some(hasPlace) && (
            <Notice tone="bad" title={refusal.message} hint={refusal.hint} />
          )}
          {!upstream && (
            <Notice
              tone="warn"
              title="The server does not list this tool now."
              hint="What is set here applies again when it comes back."
            />
          )}
          {group === null && (
            <div className="flex items-center gap-2 text-table">
              <Switch id={enabledId} checked={values.enabled} onCheckedChange={(enabled) => set({ enabled })} />
              <label htmlFor={enabledId}>On offer</label>
              {!values.enabled && <span className="text-muted-foreground">Nobody sees or calls it.</span>}
            </div>
          )}
          <Field label="Name" error={faults['/name']} hint={said(view, 'name')}>
            {(control) => (
              <Input
                {...control}
                autoComplete="off"
                spellCheck={false}
                className="font-mono text-[0.75rem]"
                placeholder={base?.name ?? view.tool}
                value={values.name}
                onChange={({ target }) => set({ name: target.value })}
              />
            )}
          </Field>
          <Field label="Title" error={faults['/title']} hint={said(view, 'title')}>
            {(control) => (
              <Input
                {...control}
                autoComplete="off"
                placeholder={base?.title ?? 'None'}
                value={values.title}
                onChange={({ target }) => set({ title: target.value })}
              />
            )}
          </Field>
          <Field label="Description" error={faults['/description']} hint={said(view, 'description')}>
            {(control) => (
              <Textarea
                {...control}
                rows={5}
                placeholder="As it is"
                value={values.description}
                onChange={({ target }) => set({ description: target.value })}
              />
            )}
          </Field>
          <fieldset className="flex flex-col gap-1.5">
            <legend className="mb-1.5 text-table font-medium">Hints</legend>
            <div className="grid gap-3 min-[28rem]:grid-cols-2">
              {hintKeys.map((key) => (
                <Field key={key} label={<span className="font-normal">{hintWords[key]}</span>}>
                  {(control) => (
                    <Select
                      {...control}
                      className="w-full"
                      value={values.hints[key]}
                      onChange={({ target }) =>
                        set({ hints: { ...values.hints, [key]: target.value as OverlayValues['hints'][HintKey] } })
                      }
                      options={[
                        { value: '', label: `Unchanged: ${yesOrNo(base?.annotations?.[key])}` },
                        { value: 'true', label: 'Yes' },
                        { value: 'false', label: 'No' },
                      ]}
                    />
                  )}
                </Field>
              ))}
            </div>
            <Field
              label={<span className="font-normal">Title among the hints</span>}
              error={faults['/annotations/title']}
              hint="Clients that do not know the title above may show this one."
            >
              {(control) => (
                <Input
                  {...control}
                  autoComplete="off"
                  placeholder={textOr(base?.annotations?.title, 'None')}
                  value={values.hintTitle}
                  onChange={({ target }) => set({ hintTitle: target.value })}
                />
              )}
            </Field>
            <p className="text-caption font-normal text-muted-foreground">
              For models alone: no key may do more because of a hint set here.
            </p>
          </fieldset>
          <ParameterFields
            parameters={parameters}
            required={required}
            values={values.parameters}
            faultOf={(name) => faults[placeOf(name)] ?? faults[`${placeOf(name)}/description`] ?? null}
            onChange={(name, value) => set({ parameters: { ...values.parameters, [name]: value } })}
          />
        </div>
        {upstream && curated && <OverlayPreview upstream={upstream} shown={shownOf(curated.definition)} />}
      </div>
      <footer className="sticky bottom-0 flex flex-wrap items-center gap-2 border-t border-border bg-popover px-4 py-3">
        {!isEmptyOverlay(view.overlay) && (
          <Button disabled={busy} onClick={() => void save({})}>
            Reset to {group === null ? 'the server’s' : 'that of the server'}
          </Button>
        )}
        <span className="flex-1" />
        <Button onClick={onCancel}>Cancel</Button>
        <Button
          type="submit"
          variant="primary"
          busy={busy}
          disabled={isUnchanged || Object.keys(read.faults).length > 0}
        >
          Save
        </Button>
      </footer>
    </form>
  );
}

/** What stands there without this overlay. */
function said({ upstream, base, group }: OverlayView, key: 'name' | 'title' | 'description') {
  const text = base?.[key];
  if (!text) return undefined;
  const who = group !== null && upstream?.[key] !== text ? 'Curated on the server' : 'The server says';
  return (
    <>
      {who}: <span className="wrap-anywhere whitespace-pre-wrap text-foreground">{text}</span>
    </>
  );
}

function textOr(text: unknown, other: string): string {
  return typeof text === 'string' && text !== '' ? text : other;
}

function yesOrNo(hint: unknown): string {
  if (hint === true) return 'yes';
  return hint === false ? 'no' : 'not said';
}
