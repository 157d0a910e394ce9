'use client';
// Gives a key a new secret: asks how long the old one goes on working, then shows the new one once.
import { useState } from 'react';
import { answered } from '@/app/_ui/answered';
import { Button } from '@/app/_ui/button';
import { Dialog, DialogBody, DialogClose, DialogContent, DialogDone, DialogFooter } from '@/app/_ui/dialog';
import { Field } from '@/app/_ui/field';
import { Notice } from '@/app/_ui/notice';
import { Select } from '@/app/_ui/select';
import type { KeyView } from '@/lib/access/schema';
import { rotateKeyAction } from './actions';
import { SecretOnce } from './secret-once';

const overlaps = [
  { value: '0', label: 'It ends now' },
  { value: '1', label: 'One hour' },
  { value: '24', label: 'One day' },
  { value: '168', label: '7 days' },
  { value: '720', label: '30 days' },
];

export interface RotateKeyDialogProps {
  keyView: KeyView;
  /** Called when the dialog is left. It must stay until then, whatever becomes of the list: the secret is in it. */
  onClose: () => void;
  onRotated: () => void;
}

export function RotateKeyDialog({ keyView, onClose, onRotated }: RotateKeyDialogProps) {
  const [hours, setHours] = useState('24');
  const [secret, setSecret] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<string | null>(null);

  async function rotate() {
    setBusy(true);
    const answer = await answered(rotateKeyAction({ id: keyView.id, overlapHours: Number(hours) }));
    setBusy(false);
    if (!answer.ok) return setFault(answer.message);
    setSecret(answer.data.secret);
    onRotated();
  }

  return (
    <Dialog open onOpenChange={(open) => !open && !busy && onClose()}>
      {secret ? (
        <DialogContent
          title={`New secret of key ${keyView.name}`}
          description="Give it to the clients that use the key."
        >
          <DialogBody>
            <SecretOnce secret={secret} />
          </DialogBody>
          <DialogDone />
        </DialogContent>
      ) : (
        <DialogContent
          size="sm"
          title={`Rotate key ${keyView.name}`}
          description="It gets a new secret, with the same name, limits and expiry."
        >
          <DialogBody className="flex flex-col gap-4">
            {fault && <Notice tone="bad" title={fault} />}
            <Field label="The old secret works for" hint="You can revoke it earlier: both are in the list.">
              {(control) => (
                <Select
                  {...control}
                  className="self-start"
                  options={overlaps}
                  value={hours}
                  onChange={(event) => setHours(event.target.value)}
                />
              )}
            </Field>
          </DialogBody>
          <DialogFooter>
            <DialogClose asChild>
              <Button>Cancel</Button>
            </DialogClose>
            <Button variant="primary" busy={busy} onClick={() => void rotate()}>
              Make a new secret
            </Button>
          </DialogFooter>
        </DialogContent>
      )}
    </Dialog>
  );
}
