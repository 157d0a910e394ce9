'use client';
// A dialog for one task, never for reading. The title is always said to screen readers.
import { X } from 'lucide-react';
import * as Radix from 'radix-ui/dialog';
import type { ComponentProps, ReactNode } from 'react';
import { Button, buttonClass } from './button';
import { cn } from './cn';
import { useFocusReturn } from './use-focus-return';

export const Dialog = Radix.Root;
export const DialogClose = Radix.Close;

/** The frame of a layer; when it closes, the focus goes back to where it was. */
export function Layer(props: ComponentProps<typeof Radix.Content>) {
  return <Radix.Content onCloseAutoFocus={useFocusReturn()} {...props} />;
}

export const scrimClass = 'fixed inset-0 z-40 bg-scrim animate-appear';

export interface DialogContentProps {
  title: ReactNode;
  description?: ReactNode;
  size?: 'sm' | 'md' | 'lg';
  children: ReactNode;
}

const widths = { sm: 'max-w-md', md: 'max-w-xl', lg: 'max-w-2xl' } as const;

export function DialogContent({ title, description, size = 'md', children }: DialogContentProps) {
  return (
    <Radix.Portal>
      <Radix.Overlay className={scrimClass} />
      <Layer
        // Without a description the attribute must be absent, or it would point at nothing.
        {...(!description && { 'aria-describedby': undefined })}
        className={cn(
          'fixed top-1/2 left-1/2 z-50 flex max-h-[min(90dvh,52rem)] w-[calc(100vw-1.5rem)] -translate-x-1/2 -translate-y-1/2 flex-col rounded-dialog border border-border bg-popover text-foreground shadow-layer outline-none',
          widths[size],
        )}
      >
        <header className="flex items-start gap-4 px-5 pt-4 pb-3">
          <div className="min-w-0 flex-1">
            <Radix.Title className="text-section">{title}</Radix.Title>
            {description && (
              <Radix.Description className="mt-0.5 text-table text-muted-foreground">{description}</Radix.Description>
            )}
          </div>
          <Radix.Close className={buttonClass('ghost', 'icon-sm', '-mr-1.5')} aria-label="Close">
            <X aria-hidden />
          </Radix.Close>
        </header>
        {children}
      </Layer>
    </Radix.Portal>
  );
}

/** What a dialog is filled in for: body and footer stand in it. Faults are shown by the fields, not by the browser. */
export function DialogForm({ onSubmit, children }: { onSubmit: () => void; children: ReactNode }) {
  return (
    <form
      noValidate
      className="flex min-h-0 flex-1 flex-col"
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      {children}
    </form>
  );
}

/** The scrolling part. Focusable, so that the keyboard can scroll it. */
export function DialogBody({ className, children }: { className?: string; children: ReactNode }) {
  return <div className={cn('min-h-0 flex-1 overflow-y-auto px-5 pt-1 pb-4', className)}>{children}</div>;
}

export function DialogFooter({ children }: { children: ReactNode }) {
  return (
    <footer className="flex flex-wrap items-center justify-end gap-2 border-t border-border px-5 pt-3 pb-4">
      {children}
    </footer>
  );
}

export interface DialogActionsProps {
  /** What the form does, e.g. "Save". */
  verb: string;
  busy: boolean;
  disabled?: boolean;
}

/** The end of a form in a dialog: out again, or do it. */
export function DialogActions({ verb, busy, disabled = false }: DialogActionsProps) {
  return (
    <DialogFooter>
      <DialogClose asChild>
        <Button>Cancel</Button>
      </DialogClose>
      <Button type="submit" variant="primary" busy={busy} disabled={disabled}>
        {verb}
      </Button>
    </DialogFooter>
  );
}

/** The end of a dialog that has nothing more to ask. */
export function DialogDone() {
  return (
    <DialogFooter>
      <DialogClose asChild>
        <Button variant="primary">Done</Button>
      </DialogClose>
    </DialogFooter>
  );
}
