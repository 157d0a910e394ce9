'use client';
// Makes a key, shows its secret once, and how to use it right beside.
import { useState } from 'react';
import { Button } from '@/app/_ui/button';
import { Dialog, DialogBody, DialogClose, DialogContent, DialogFooter } from '@/app/_ui/dialog';
import { Field } from '@/app/_ui/field';
import { Input } from '@/app/_ui/input';
import { Notice } from '@/app/_ui/notice';
import { Select } from '@/app/_ui/select';
import type { KeyScope } from '@/lib/access/schema';
import type { ActionFailure } from '@/lib/errors';
import { endpointUrl } from '@/lib/servers/clients';
import { ClientGuidePanel, type ClientId } from '../connect/client-guide-panel';
import { FirstRequest } from '../connect/first-request';
import type { ConnectData } from '../connect/load';
import { createKeyAction } from './actions';
import { SecretOnce } from './secret-once';

const lifetimes = [
  { value: '', label: 'Never' },
  { value: '7', label: 'In 7 days' },
  { value: '30', label: 'In 30 days' },
  { value: '90', label: 'In 90 days' },
  { value: '365', label: 'In a year' },
];
const dayMs = 86_400_000;

export interface CreateKeyDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  connect: ConnectData;
  onCreated: () => void;
}

export function CreateKeyDialog({ open, onOpenChange, connect, onCreated }: CreateKeyDialogProps) {
  const [made, setMade] = useState<{ name: string; secret: string } | null>(null);

  function change(next: boolean) {
    onOpenChange(next);
    if (!next) setMade(null);
  }

  return (
    <Dialog open={open} onOpenChange={change}>
      {made ? (
        <DialogContent size="lg" title={`Key ${made.name}`} description="Ready to use.">
          <DialogBody className="flex flex-col gap-5">
            <SecretOnce secret={made.secret} />
            <UseKey secret={made.secret} connect={connect} />
          </DialogBody>
          <DialogFooter>
            <DialogClose asChild>
              <Button variant="primary">Done</Button>
            </DialogClose>
          </DialogFooter>
        </DialogContent>
      ) : (
        <DialogContent title="New key" description="One per client, so that each can be revoked by itself.">
          <KeyForm
            connect={connect}
            onMade={(name, secret) => {
              setMade({ name, secret });
              onCreated();
            }}
          />
        </DialogContent>
      )}
    </Dialog>
  );
}

function UseKey({ secret, connect }: { secret: string; connect: ConnectData }) {
  const [client, setClient] = useState<ClientId>('claude-code');
  return (
    <section aria-label="Connect" className="flex flex-col gap-3">
      <h3 className="text-body font-semibold">Connect</h3>
      <ClientGuidePanel
        url={endpointUrl(connect.base, null)}
        endpoint={null}
        secret={secret}
        system={connect.system}
        client={client}
        onClient={setClient}
      />
      <FirstRequest />
    </section>
  );
}

function KeyForm({ connect, onMade }: { connect: ConnectData; onMade: (name: string, secret: string) => void }) {
  const [name, setName] = useState('');
  const [days, setDays] = useState('');
  const [limited, setLimited] = useState(false);
  const [scope, setScope] = useState<Required<Pick<KeyScope, 'groups' | 'servers'>>>({ groups: [], servers: [] });
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<ActionFailure | null>(null);
  const isEmptyScope = limited && scope.groups.length + scope.servers.length === 0;

  async function submit() {
    setBusy(true);
    const answer = await createKeyAction({
      name,
      scope: limited ? scope : null,
      expiresAt: days ? new Date(Date.now() + Number(days) * dayMs).toISOString() : null,
    });
    setBusy(false);
    if (answer.ok) onMade(answer.data.key.name, answer.data.secret);
    else setRefusal(answer);
  }

  function toggle(kind: 'groups' | 'servers', item: string, on: boolean) {
    setScope((before) => ({
      ...before,
      [kind]: on ? [...before[kind], item] : before[kind].filter((each) => each !== item),
    }));
  }

  return (
    <form
      noValidate
      className="flex min-h-0 flex-1 flex-col"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <DialogBody className="flex flex-col gap-4">
        {refusal && Object.keys(refusal.fields).length === 0 && (
          <Notice tone="bad" title={refusal.message} hint={refusal.hint} />
        )}
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
        <fieldset className="flex flex-col gap-1">
          <legend className="mb-1 text-table font-medium">May reach</legend>
          <Choice checked={!limited} onChoose={() => setLimited(false)}>
            Everything that you may use
          </Choice>
          <Choice checked={limited} onChoose={() => setLimited(true)}>
            Only chosen groups and servers
          </Choice>
          {limited && (
            <div className="mt-1 flex flex-col gap-3 border-l border-border pl-4">
              <Picks
                title="Groups"
                names={connect.groups}
                picked={scope.groups}
                onToggle={(item, on) => toggle('groups', item, on)}
              />
              <Picks
                title="Servers"
                names={connect.servers}
                picked={scope.servers}
                onToggle={(item, on) => toggle('servers', item, on)}
              />
              {isEmptyScope && <p className="text-caption text-muted-foreground">Choose at least one.</p>}
            </div>
          )}
        </fieldset>
      </DialogBody>
      <DialogFooter>
        <DialogClose asChild>
          <Button>Cancel</Button>
        </DialogClose>
        <Button type="submit" variant="primary" busy={busy} disabled={isEmptyScope || name.trim() === ''}>
          Make the key
        </Button>
      </DialogFooter>
    </form>
  );
}

function Choice({ checked, onChoose, children }: { checked: boolean; onChoose: () => void; children: string }) {
  return (
    <label className="flex min-h-6 items-center gap-2 text-table">
      <input type="radio" name="reach" className="size-4 accent-primary" checked={checked} onChange={onChoose} />
      {children}
    </label>
  );
}

interface PicksProps {
  title: string;
  names: string[];
  picked: string[];
  onToggle: (name: string, on: boolean) => void;
}

function Picks({ title, names, picked, onToggle }: PicksProps) {
  if (names.length === 0) return null;
  return (
    <fieldset>
      <legend className="text-caption text-muted-foreground">{title}</legend>
      <div className="flex max-h-40 flex-wrap gap-x-4 overflow-y-auto">
        {names.map((name) => (
          <label key={name} className="flex min-h-6 items-center gap-2 text-table">
            <input
              type="checkbox"
              className="size-4 accent-primary"
              checked={picked.includes(name)}
              onChange={(event) => onToggle(name, event.target.checked)}
            />
            {name}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
