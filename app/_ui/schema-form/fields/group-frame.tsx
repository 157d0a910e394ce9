'use client';
// A fieldset: a name, what it is, its own fault, and what lies in it.
import { ChevronRight } from 'lucide-react';
import { type ReactNode, useId, useState } from 'react';
import { cn } from '../../cn';

export interface GroupFrameProps {
  label: string;
  description?: string | null;
  fault?: string | null;
  optional?: boolean;
  actions?: ReactNode;
  /** No line at its side: what lies in it is one control. */
  plain?: boolean;
  /** Starts closed; the parts are not even made until it is opened. */
  collapsed?: boolean;
  children?: ReactNode;
}

export function GroupFrame(props: GroupFrameProps) {
  const { label, description, fault, optional, actions, plain, collapsed, children } = props;
  const [open, setOpen] = useState(!collapsed);
  const id = useId();
  const described = [description && `${id}-hint`, fault && `${id}-error`].filter(Boolean).join(' ');
  const name = (
    <>
      {label}
      {optional && <span className="ml-1.5 font-normal text-muted-foreground">optional</span>}
    </>
  );
  return (
    <fieldset aria-describedby={described || undefined} className="flex min-w-0 flex-col gap-1.5">
      <legend className={cn('float-left w-full text-table font-medium', !plain && 'mb-1.5')}>
        <span className={cn('flex flex-wrap items-center justify-between gap-2', !plain && 'min-h-7')}>
          {collapsed === undefined ? (
            <span>{name}</span>
          ) : (
            <button
              type="button"
              aria-expanded={open}
              className="flex min-h-6 items-center gap-1"
              onClick={() => setOpen(!open)}
            >
              <ChevronRight aria-hidden className={cn('size-4 transition-transform', open && 'rotate-90')} />
              {name}
            </button>
          )}
          {actions && <span className="flex gap-1">{actions}</span>}
        </span>
      </legend>
      <div className="clear-both flex flex-col gap-1.5">
        {description && (
          <p id={`${id}-hint`} className="text-caption font-normal whitespace-pre-line text-muted-foreground">
            {description}
          </p>
        )}
        {open && children && (
          <div className={cn(!plain && 'flex flex-col gap-4 border-l border-border pl-4')}>{children}</div>
        )}
        {fault && (
          <p id={`${id}-error`} role="alert" className="text-caption text-bad">
            {fault}
          </p>
        )}
      </div>
    </fieldset>
  );
}
