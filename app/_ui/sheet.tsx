'use client';
// A panel from an edge: navigation on phones (left), peek panels (right).
import { X } from 'lucide-react';
import * as Radix from 'radix-ui/dialog';
import type { ReactNode } from 'react';
import { buttonClass } from './button';
import { cn } from './cn';
import { Layer, scrimClass } from './dialog';

export const Sheet = Radix.Root;
export const SheetTrigger = Radix.Trigger;

export interface SheetContentProps {
  title: ReactNode;
  side?: 'left' | 'right';
  /** Buttons beside the title, e.g. previous and next. */
  actions?: ReactNode;
  className?: string;
  children: ReactNode;
}

export function SheetContent({ title, side = 'right', actions, className, children }: SheetContentProps) {
  return (
    <Radix.Portal>
      <Radix.Overlay className={scrimClass} />
      <Layer
        aria-describedby={undefined}
        className={cn(
          'fixed inset-y-0 z-50 flex max-w-[calc(100vw-2rem)] flex-col border-border bg-popover text-foreground shadow-layer outline-none',
          side === 'left'
            ? 'left-0 w-64 border-r animate-slide-left'
            : 'right-0 w-[32rem] border-l animate-slide-right',
          className,
        )}
      >
        <header className="flex h-12 shrink-0 items-center gap-2 border-b border-border px-4">
          <Radix.Title className="min-w-0 flex-1 truncate text-section">{title}</Radix.Title>
          {actions}
          <Radix.Close className={buttonClass('ghost', 'icon-sm', '-mr-1.5')} aria-label="Close">
            <X aria-hidden />
          </Radix.Close>
        </header>
        <div className="min-h-0 flex-1 overflow-y-auto">{children}</div>
      </Layer>
    </Radix.Portal>
  );
}
