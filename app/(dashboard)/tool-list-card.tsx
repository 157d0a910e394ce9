'use client';
// What clients see at one endpoint: all its tools, or a search among them with those that are pinned, and what either takes
// of a model's context.
import { useQuery } from '@tanstack/react-query';
import { Pin, X } from 'lucide-react';
import { useState } from 'react';
import { ApiError, api, type Page } from '@/app/_ui/api';
import { Badge } from '@/app/_ui/badge';
import { Button } from '@/app/_ui/button';
import { Field } from '@/app/_ui/field';
import { plural } from '@/app/_ui/format';
import { Input } from '@/app/_ui/input';
import { ErrorNotice } from '@/app/_ui/notice';
import { Panel, PanelBody, PanelHeader } from '@/app/_ui/panel';
import { Select } from '@/app/_ui/select';
import { toast } from '@/app/_ui/toaster';
import type { EndpointView, ToolList, ToolListMode } from '@/lib/routing/schema';
import { ToolFinder } from './tool-finder';

const modes: { value: ToolListMode; label: string; hint: string }[] = [
  { value: 'full', label: 'All tools', hint: 'Each tool is listed with its whole definition.' },
  {
    value: 'smart',
    label: 'A search among them',
    hint: 'Three tools are listed in place of all: to search, to read about a tool, and to run it.',
  },
  { value: 'auto', label: 'A search, where it would be too many', hint: 'Judged for each caller by what it may see.' },
];

export interface ToolListCardProps {
  /** Of the endpoint. */
  path: string;
  /** In REST, below /api/v1. */
  resource: string;
  /** Whether the list is a field of the resource, or the resource itself. */
  isField: boolean;
  /** Of a server's own endpoint: its tools are pinned by name alone. */
  server?: string;
  group?: string;
  value: ToolList;
  version: number;
  mayUpdate: boolean;
  onSaved: () => Promise<void>;
  className?: string;
}

export function ToolListCard({ path, value, version, mayUpdate, className, ...more }: ToolListCardProps) {
  const { data: seen, error } = useQuery({
    queryKey: ['endpoints', path, version],
    queryFn: async ({ signal }) => {
      const query = new URLSearchParams({ path });
      return (await api<Page<EndpointView>>(`/endpoints?${query}`, { signal })).data[0] ?? null;
    },
  });
  return (
    <Panel aria-label="What clients see" className={className}>
      <PanelHeader
        title="What clients see"
        description="A list that is short leaves a model room for its work, and it chooses better."
      />
      <PanelBody className="flex flex-col gap-4">
        {seen && <Costs seen={seen} />}
        {error && <ErrorNotice error={error} />}
        <ListForm key={version} {...{ path, value, version, mayUpdate, ...more }} seen={seen ?? null} />
      </PanelBody>
    </Panel>
  );
}

/** Both lists against each other. */
function Costs({ seen: { tools, tokens, smart, pinned } }: { seen: EndpointView }) {
  const about = (count: number) => `about ${count.toLocaleString('en')} tokens`;
  const rows = [
    { label: `All ${plural(tools, 'tool')}`, tokens: tokens.full, isNow: !smart },
    {
      label: pinned.length > 0 ? `A search, with ${plural(pinned.length, 'pinned tool')}` : 'A search',
      tokens: tokens.smart,
      isNow: smart,
    },
  ];
  return (
    <div>
      <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-1 text-table">
        {rows.map(({ label, tokens: count, isNow }) => (
          <div key={label} className="contents">
            <dt className="text-muted-foreground">{label}</dt>
            <dd className="flex flex-wrap items-center gap-2 tabular-nums">
              {about(count)}
              {isNow && <Badge>listed to you now</Badge>}
            </dd>
          </div>
        ))}
      </dl>
      <p className="mt-1 text-caption font-normal text-muted-foreground">
        Estimates of what the list takes of a model’s context; each model counts in its own way.
      </p>
    </div>
  );
}

interface ListFormProps extends ToolListCardProps {
  seen: EndpointView | null;
}

function ListForm({ resource, isField, server, group, value, version, mayUpdate, onSaved, seen }: ListFormProps) {
  const [list, setList] = useState(value);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const fields = error instanceof ApiError ? error.fields : {};
  const faultAt = (name: string) =>
    Object.entries(fields).find(([pointer]) => pointer.replace('/toolList', '').startsWith(`/${name}`))?.[1];
  const set = (change: Partial<ToolList>) => setList((before) => ({ ...before, ...change }));
  const isChanged = JSON.stringify(list) !== JSON.stringify(value);
  const listed = new Set(seen?.pinned.map(({ tool }) => tool));
  const isGone = (pin: string) =>
    seen !== null && value.pinned.includes(pin) && !listed.has(server === undefined ? pin : `${server}/${pin}`);

  // A root list has a version beside its fields.
  const patch = { mode: list.mode, maxTools: list.maxTools, maxTokens: list.maxTokens, pinned: list.pinned };

  async function save() {
    setBusy(true);
    setError(null);
    try {
      await api(resource, { method: 'PATCH', body: isField ? { toolList: patch } : patch, ifMatch: version });
      toast('Saved: clients that listen are told');
      await onSaved();
    } catch (fault) {
      setError(fault);
    }
    setBusy(false);
  }

  return (
    <form
      noValidate
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      {error !== null && Object.keys(fields).length === 0 && <ErrorNotice error={error} />}
      <Field label="Clients are listed" hint={modes.find(({ value: mode }) => mode === list.mode)?.hint ?? ''}>
        {(control) => (
          <Select
            {...control}
            className="w-full max-w-80"
            options={modes}
            value={list.mode}
            disabled={!mayUpdate}
            onChange={({ target }) => set({ mode: target.value as ToolListMode })}
          />
        )}
      </Field>
      {list.mode === 'auto' && (
        <div className="grid max-w-md gap-4 sm:grid-cols-2">
          <Amount label="All, up to so many tools" of="maxTools" list={list} {...{ set, mayUpdate, faultAt }} />
          <Amount label="And so many tokens" of="maxTokens" list={list} {...{ set, mayUpdate, faultAt }} />
        </div>
      )}
      <Pins pins={list.pinned} mayUpdate={mayUpdate} isGone={isGone} onChange={(pinned) => set({ pinned })} />
      {faultAt('pinned') && (
        <p role="alert" className="text-caption text-bad">
          {faultAt('pinned')}
        </p>
      )}
      {mayUpdate && (
        <ToolFinder
          label="Pin a tool"
          verb="Pin"
          server={server}
          group={group}
          taken={list.pinned}
          onTake={(pin) => set({ pinned: [...list.pinned, pin] })}
        />
      )}
      {mayUpdate && (
        <div className="flex gap-2">
          <Button type="submit" variant="primary" busy={busy} disabled={!isChanged}>
            Save the list
          </Button>
          <Button disabled={!isChanged || busy} onClick={() => setList(value)}>
            Undo
          </Button>
        </div>
      )}
    </form>
  );
}

interface AmountProps {
  label: string;
  of: 'maxTools' | 'maxTokens';
  list: ToolList;
  set: (change: Partial<ToolList>) => void;
  mayUpdate: boolean;
  faultAt: (name: string) => string | undefined;
}

function Amount({ label, of, list, set, mayUpdate, faultAt }: AmountProps) {
  return (
    <Field label={label} error={faultAt(of)}>
      {(control) => (
        <Input
          {...control}
          type="number"
          min={1}
          inputMode="numeric"
          value={Number.isNaN(list[of]) ? '' : list[of]}
          disabled={!mayUpdate}
          onChange={({ target }) => set({ [of]: target.valueAsNumber })}
        />
      )}
    </Field>
  );
}

interface PinsProps {
  pins: readonly string[];
  mayUpdate: boolean;
  isGone: (pin: string) => boolean;
  onChange: (pins: string[]) => void;
}

function Pins({ pins, mayUpdate, isGone, onChange }: PinsProps) {
  return (
    <div>
      <h3 className="text-table font-medium">Pinned tools</h3>
      <p className="text-caption font-normal text-muted-foreground">
        Listed beside the search, for those who may use them.
      </p>
      {pins.length === 0 ? (
        <p className="mt-2 text-table text-muted-foreground">None: pin what is needed in nearly every conversation.</p>
      ) : (
        <ul className="mt-2 flex flex-col gap-1">
          {pins.map((pin) => (
            <li key={pin} className="flex items-center gap-2 text-table">
              <Pin aria-hidden className="size-3.5 shrink-0 text-muted-foreground" />
              <code className="min-w-0 font-mono text-[0.75rem] break-all">{pin}</code>
              {isGone(pin) && <Badge tone="warn">not offered now</Badge>}
              {mayUpdate && (
                <Button
                  size="sm"
                  variant="ghost"
                  aria-label={`Unpin ${pin}`}
                  onClick={() => onChange(pins.filter((each) => each !== pin))}
                >
                  <X aria-hidden />
                </Button>
              )}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
