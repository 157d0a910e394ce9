// The head of a page: its name, a sentence, and at most one primary action.
import type { ReactNode } from 'react';

export interface PageHeaderProps {
  title: ReactNode;
  /** Beside the title, e.g. a state. */
  aside?: ReactNode;
  description?: ReactNode;
  actions?: ReactNode;
}

export function PageHeader({ title, aside, description, actions }: PageHeaderProps) {
  return (
    <header className="mb-4 flex flex-wrap items-start gap-x-4 gap-y-3">
      <div className="min-w-0 flex-1 basis-40 sm:basis-64">
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <h1 className="text-title break-words">{title}</h1>
          {aside}
        </div>
        {description && <p className="mt-0.5 max-w-[72ch] text-body text-muted-foreground">{description}</p>}
      </div>
      {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
    </header>
  );
}
