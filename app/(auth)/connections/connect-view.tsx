'use client';
// One's own connection to a server: what will happen, and the one button that does it.
import { type FormEvent, useState } from 'react';
import { ApiError, api } from '@/app/_ui/api';
import { Button, buttonClass } from '@/app/_ui/button';
import { Field } from '@/app/_ui/field';
import { hubPath } from '@/app/_ui/hub-path';
import { Input } from '@/app/_ui/input';
import { ErrorNotice, Notice } from '@/app/_ui/notice';
import type { ConnectionView } from '@/lib/credentials/schema';

export interface ConnectViewProps {
  initial: ConnectionView;
  /** Who is signed in. */
  user: string;
  /** It was made just now. */
  isNew?: boolean;
}

export function ConnectView({ initial, user, isNew: wasMade = false }: ConnectViewProps) {
  const [connection, setConnection] = useState(initial);
  const [isNew, setNew] = useState(wasMade);
  const { server, description, host, kind, per, state, reason } = connection;
  return (
    <>
      <h1 className="text-title">Connect to {server}</h1>
      {description && <p className="mt-1 text-body text-muted-foreground">{description}</p>}
      <dl className="mt-4 mb-4 grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-table">
        <dt className="text-muted-foreground">{host ? 'Address' : 'Runs'}</dt>
        <dd className="min-w-0 font-mono text-[0.75rem] leading-5 wrap-anywhere">{host ?? 'on this hub'}</dd>
        <dt className="text-muted-foreground">For</dt>
        <dd>{per === 'hub' ? 'all who call it through this hub' : `you, ${user}, and nobody else`}</dd>
      </dl>
      <div className="flex flex-col gap-4">
        {state === 'connected' ? (
          <Notice
            tone="ok"
            title={isNew ? 'Connected.' : per === 'hub' ? 'The hub is connected.' : 'You are connected.'}
            hint={isNew ? 'You can return to your client and repeat the call.' : undefined}
          />
        ) : (
          state === 'failed' && <Notice tone="warn" title={reason} />
        )}
        {kind === 'oauth' ? (
          <SignIn connection={connection} />
        ) : (
          <Keys
            key={`${state} ${isNew}`}
            connection={connection}
            onSaved={(saved) => {
              setConnection(saved);
              setNew(true);
            }}
          />
        )}
        {per === 'hub' && (
          <a
            href={hubPath(`/servers/${encodeURIComponent(server)}`)}
            className={buttonClass('ghost', 'md', 'self-start')}
          >
            To the server
          </a>
        )}
        {per === 'user' && connection.since !== null && (
          <Forget
            server={server}
            onForgotten={async () => {
              setConnection(await api<ConnectionView>(pathOf(server)));
              setNew(false);
            }}
          />
        )}
      </div>
    </>
  );
}

function pathOf(server: string): string {
  return `/connections/${encodeURIComponent(server)}`;
}

function SignIn({ connection: { server, per, state } }: { connection: ConnectionView }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);

  async function begin() {
    setBusy(true);
    setError(null);
    try {
      const { url } = await api<{ url: string }>(`${pathOf(server)}/begin`, { method: 'POST', body: { for: per } });
      // What a server names as its sign-in page is opened only where it is one.
      if (!/^https?:\/\//i.test(url)) throw new Error('The server names no web page for its sign-in.');
      location.assign(url);
    } catch (fault) {
      setError(fault);
      setBusy(false);
    }
  }

  return (
    <>
      {error !== null && <ErrorNotice error={error} />}
      {per === 'hub' && (
        <p className="text-body">
          All who call {server} through this hub will act as the account that you sign in with there.
        </p>
      )}
      <p className="text-body text-muted-foreground">
        You will be led to the sign-in page of the service behind {server}. There you sign in and say what this hub may
        do for you; then you come back here. The hub keeps what it is given sealed, and shows it to nobody.
      </p>
      <Button variant={state === 'connected' ? 'secondary' : 'primary'} busy={busy} onClick={() => void begin()}>
        {state === 'connected' ? 'Sign in again' : error === null ? 'Connect' : 'Try again'}
      </Button>
    </>
  );
}

interface KeysProps {
  connection: ConnectionView;
  onSaved: (saved: ConnectionView) => void;
}

function Keys({ connection: { server, fields, state }, onSaved }: KeysProps) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const faults = error instanceof ApiError ? error.fields : {};
  const isPlaced = fields.some(({ name }) => faults[`/values/${name}`]);

  async function save(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const given = fields.map(({ name }): [string, string] => [name, String(form.get(`key-${name}`) ?? '')]);
    const values = Object.fromEntries(given.filter(([, value]) => value !== ''));
    if (Object.keys(values).length === 0) return;
    setBusy(true);
    setError(null);
    try {
      onSaved(await api<ConnectionView>(pathOf(server), { method: 'PUT', body: { values } }));
    } catch (fault) {
      setError(fault);
    }
    setBusy(false);
  }

  return (
    <form method="post" onSubmit={save} className="flex flex-col gap-4">
      {error !== null && !isPlaced && <ErrorNotice error={error} />}
      <p className="text-body text-muted-foreground">
        The hub sends what you enter here with your calls to {server}, and with nobody else's. It is kept sealed and not
        shown again.
      </p>
      {fields.map(({ name, label, stored }) => (
        <Field
          key={name}
          label={label}
          error={faults[`/values/${name}`]}
          hint={stored ? 'Is stored. Leave it empty to keep it.' : undefined}
        >
          {(control) => (
            <Input
              {...control}
              name={`key-${name}`}
              type="password"
              autoComplete="off"
              spellCheck={false}
              className="font-mono"
              placeholder={stored ? '••••••••' : undefined}
              required={!stored}
              maxLength={8192}
            />
          )}
        </Field>
      ))}
      <Button type="submit" variant={state === 'connected' ? 'secondary' : 'primary'} busy={busy}>
        {state === 'connected' ? 'Save' : 'Connect'}
      </Button>
    </form>
  );
}

function Forget({ server, onForgotten }: { server: string; onForgotten: () => Promise<void> }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);

  async function forget() {
    setBusy(true);
    setError(null);
    try {
      await api(pathOf(server), { method: 'DELETE' });
      await onForgotten();
    } catch (fault) {
      setError(fault);
    }
    setBusy(false);
  }

  return (
    <>
      {error !== null && <ErrorNotice error={error} />}
      <div className="flex flex-wrap items-center gap-2 border-t border-border pt-4">
        <Button variant="ghost" busy={busy} onClick={() => void forget()}>
          Disconnect
        </Button>
        <a href={hubPath('/account')} className={buttonClass('ghost')}>
          All your connections
        </a>
      </div>
    </>
  );
}
