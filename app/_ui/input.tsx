// Text fields. The border has the contrast that WCAG 1.4.11 asks of a control.
import type { ComponentProps } from 'react';
import { cn } from './cn';

const base =
  'w-full rounded-control border border-input bg-card px-2.5 text-table text-foreground disabled:bg-muted disabled:text-muted-foreground read-only:bg-muted aria-invalid:border-bad max-sm:text-[1rem]';

export function Input({ className, ...rest }: ComponentProps<'input'>) {
  return <input className={cn(base, 'h-8', className)} {...rest} />;
}

export function Textarea({ className, ...rest }: ComponentProps<'textarea'>) {
  return <textarea className={cn(base, 'min-h-20 py-1.5', className)} {...rest} />;
}
