// A framed part of a page: a hairline, no shadow, never inside another one.
import type { ComponentProps, ReactNode } from 'react';
import { cn } from './cn';

export function Panel({ className, ...rest }: ComponentProps<'section'>) {
  return <section className={cn('min-w-0 rounded-panel border border-border bg-card', className)} {...rest} />;
}

export interface PanelHeaderProps {
  title: ReactNode;
  description?: ReactNode;
  actions?: ReactNode;
}

export function PanelHeader({ title, description, actions }: PanelHeaderProps) {
  return (
    <header className="flex min-h-12 flex-wrap items-center gap-x-4 gap-y-2 border-b border-border px-4 py-2">
      <div className="min-w-0 flex-1">
        <h2 className="text-body font-semibold">{title}</h2>
        {description && <p className="text-table text-muted-foreground">{description}</p>}
      </div>
      {actions && <div className="flex items-center gap-2">{actions}</div>}
    </header>
  );
}

export function PanelBody({ className, ...rest }: ComponentProps<'div'>) {
  return <div className={cn('p-4', className)} {...rest} />;
}
