'use client';
// Asks before something is destroyed. The title names the object, the body its effects; a failure stays in the dialog.
import * as Radix from 'radix-ui/alert-dialog';
import { type ReactNode, type RefObject, useState } from 'react';
import { Button, buttonClass } from './button';
import { scrimClass } from './dialog';
import { Notice } from './notice';

export interface ConfirmDialogProps {
  /** Left out when the dialog is opened by `open`. */
  trigger?: ReactNode;
  open?: boolean;
  onOpenChange?: (open: boolean) => void;
  /** Where the focus goes afterwards when there is no trigger, e.g. the button of the menu that asked. */
  returnFocus?: RefObject<HTMLElement | null>;
  /** Names the object: "Remove server github?" */
  title: ReactNode;
  /** What will happen. */
  children: ReactNode;
  /** The verb on the button: "Remove". */
  confirm: string;
  danger?: boolean;
  /** Closes the dialog when it resolves; a rejection is shown inside. */
  onConfirm: () => Promise<void>;
}

export function ConfirmDialog(props: ConfirmDialogProps) {
  const { trigger, title, children, confirm, danger = true, returnFocus, onConfirm } = props;
  const [ownOpen, setOwnOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<string | null>(null);
  const open = props.open ?? ownOpen;

  function setOpen(next: boolean) {
    if (busy) return;
    if (next) setFault(null);
    setOwnOpen(next);
    props.onOpenChange?.(next);
  }

  async function run() {
    setBusy(true);
    setFault(null);
    try {
      await onConfirm();
      setOwnOpen(false);
      props.onOpenChange?.(false);
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  }

  return (
    <Radix.Root open={open} onOpenChange={setOpen}>
      {trigger && <Radix.Trigger asChild>{trigger}</Radix.Trigger>}
      <Radix.Portal>
        <Radix.Overlay className={scrimClass} />
        <Radix.Content
          onCloseAutoFocus={(event) => {
            if (!returnFocus?.current) return;
            event.preventDefault();
            returnFocus.current.focus();
          }}
          className="fixed top-1/2 left-1/2 z-50 w-[calc(100vw-1.5rem)] max-w-md -translate-x-1/2 -translate-y-1/2 rounded-dialog border border-border bg-popover p-5 text-foreground shadow-layer outline-none"
        >
          <Radix.Title className="text-section break-words">{title}</Radix.Title>
          <Radix.Description asChild>
            <div className="mt-2 text-table text-muted-foreground">{children}</div>
          </Radix.Description>
          {fault && (
            <div className="mt-3">
              <Notice tone="bad" title={fault} />
            </div>
          )}
          <div className="mt-5 flex justify-end gap-2">
            <Radix.Cancel className={buttonClass('secondary')} disabled={busy}>
              Cancel
            </Radix.Cancel>
            <Button variant={danger ? 'danger' : 'primary'} busy={busy} onClick={run}>
              {confirm}
            </Button>
          </div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
