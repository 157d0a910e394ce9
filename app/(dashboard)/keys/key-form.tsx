'use client';
// What a new key is for: its name, until when it works, what it may reach, and whether it may only read.
import { useState } from 'react';
import { answered } from '@/app/_ui/answered';
import { DialogActions, DialogBody, DialogForm } from '@/app/_ui/dialog';
import { Field } from '@/app/_ui/field';
import { Input } from '@/app/_ui/input';
import { Notice } from '@/app/_ui/notice';
import { Select } from '@/app/_ui/select';
import { Switch } from '@/app/_ui/switch';
import type { KeyScope } from '@/lib/access/schema';
import type { ActionFailure } from '@/lib/errors';
import type { ConnectData } from '../connect/load';
import { ServerPicker, type ServerPickerProps } from '../groups/server-picker';
import { createKeyAction } from './actions';

const lifetimes = [
  { value: '', label: 'Never' },
  { value: '7', label: 'In 7 days' },
  { value: '30', label: 'In 30 days' },
  { value: '90', label: 'In 90 days' },
  { value: '365', label: 'In a year' },
];
const dayMs = 86_400_000;

type Servers = ServerPickerProps['value'];

export function KeyForm({ connect, onMade }: { connect: ConnectData; onMade: (name: string, secret: string) => void }) {
  const [name, setName] = useState('');
  const [days, setDays] = useState('');
  const [readOnly, setReadOnly] = useState(false);
  const [limited, setLimited] = useState(false);
  const [groups, setGroups] = useState<string[]>([]);
  const [servers, setServers] = useState<Servers>([]);
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<ActionFailure | null>(null);
  const reachesNothing =
    groups.length + servers.filter(({ tools }) => tools === 'all' || namedOf(tools).length > 0).length === 0;

  async function submit() {
    setBusy(true);
    const answer = await answered(
      createKeyAction({
        name,
        scope: { ...(limited && scopeOf(groups, servers)), ...(readOnly && { readOnly }) },
        expiresAt: days ? new Date(Date.now() + Number(days) * dayMs).toISOString() : null,
      }),
    );
    setBusy(false);
    if (answer.ok) onMade(answer.data.key.name, answer.data.secret);
    else setRefusal(answer);
  }

  return (
    <DialogForm onSubmit={() => void submit()}>
      <DialogBody className="flex flex-col gap-4">
        {refusal && <Notice tone="bad" title={refusal.message} hint={refusal.hint} />}
        <Field label="Name" required error={refusal?.fields['/name']} hint="Where it is used: “Claude Code, laptop”.">
          {(control) => (
            <Input
              {...control}
              autoComplete="off"
              autoFocus
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <Field label="Expires" error={refusal?.fields['/expiresAt']}>
          {(control) => (
            <Select
              {...control}
              className="self-start"
              options={lifetimes}
              value={days}
              onChange={(event) => setDays(event.target.value)}
            />
          )}
        </Field>
        <Field
          label="Read-only"
          hint="Only tools that their server marks as changing nothing. Resources and prompts can be read in any case."
        >
          {(control) => <Switch {...control} checked={readOnly} onCheckedChange={setReadOnly} />}
        </Field>
        <fieldset className="flex flex-col gap-1">
          <legend className="mb-1 text-table font-medium">May reach</legend>
          <Choice checked={!limited} onChoose={() => setLimited(false)}>
            Everything that you may use
          </Choice>
          <Choice checked={limited} onChoose={() => setLimited(true)}>
            Only chosen groups, servers and tools
          </Choice>
          {limited && (
            <div className="mt-1 flex flex-col gap-3 border-l border-border pl-4">
              <GroupPicks names={connect.groups} picked={groups} onChange={setGroups} />
              <ServerPicker known={connect.serverTools} value={servers} onChange={setServers} fault={null} />
              {reachesNothing && <p className="text-caption text-muted-foreground">Choose at least one.</p>}
            </div>
          )}
        </fieldset>
      </DialogBody>
      <DialogActions verb="Make the key" busy={busy} disabled={(limited && reachesNothing) || name.trim() === ''} />
    </DialogForm>
  );
}

function scopeOf(groups: string[], servers: Servers): KeyScope {
  return {
    groups,
    servers: servers.flatMap(({ server, tools }) => (tools === 'all' ? [server] : [])),
    tools: servers.flatMap(({ server, tools }) => namedOf(tools).map((tool) => `${server}/${tool}`)),
  };
}

/** A key names what it reaches, and never what it does not. */
function namedOf(tools: Servers[number]['tools']): string[] {
  return Array.isArray(tools) ? tools : [];
}

function Choice({ checked, onChoose, children }: { checked: boolean; onChoose: () => void; children: string }) {
  return (
    <label className="flex min-h-6 items-center gap-2 text-table">
      <input type="radio" name="reach" className="size-4 accent-primary" checked={checked} onChange={onChoose} />
      {children}
    </label>
  );
}

interface GroupPicksProps {
  names: string[];
  picked: string[];
  onChange: (picked: string[]) => void;
}

function GroupPicks({ names, picked, onChange }: GroupPicksProps) {
  if (names.length === 0) return null;
  return (
    <fieldset>
      <legend className="mb-1 text-table font-medium">Groups</legend>
      <div className="flex max-h-40 flex-wrap gap-x-4 overflow-y-auto">
        {names.map((name) => (
          <label key={name} className="flex min-h-6 items-center gap-2 text-table">
            <input
              type="checkbox"
              className="size-4 accent-primary"
              checked={picked.includes(name)}
              onChange={({ target }) =>
                onChange(target.checked ? [...picked, name] : picked.filter((each) => each !== name))
              }
            />
            {name}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
