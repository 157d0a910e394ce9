'use client';
// Makes a key, shows its secret once, and how to use it right beside.
import { useState } from 'react';
import { Dialog, DialogBody, DialogContent, DialogDone } from '@/app/_ui/dialog';
import { endpointUrl } from '@/lib/servers/clients';
import { ClientGuidePanel, type ClientId } from '../connect/client-guide-panel';
import { FirstRequest } from '../connect/first-request';
import type { ConnectData } from '../connect/load';
import { KeyForm } from './key-form';
import { SecretOnce } from './secret-once';

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
          <DialogDone />
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

export function UseKey({ secret, connect }: { secret: string; connect: ConnectData }) {
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
