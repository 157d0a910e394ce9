// An empty list says why it is empty and what the next step is.
import type { LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';

export interface EmptyStateProps {
  Icon?: LucideIcon;
  title: ReactNode;
  children?: ReactNode;
  actions?: ReactNode;
}

export function EmptyState({ Icon, title, children, actions }: EmptyStateProps) {
  return (
    <div className="flex flex-col items-center rounded-panel border border-dashed border-input/60 px-6 py-10 text-center">
      {Icon && <Icon aria-hidden className="mb-3 size-6 text-muted-foreground" strokeWidth={1.5} />}
      <p className="text-body font-medium">{title}</p>
      {children && <div className="mt-1 max-w-[60ch] text-table text-muted-foreground">{children}</div>}
      {actions && <div className="mt-4 flex flex-wrap justify-center gap-2">{actions}</div>}
    </div>
  );
}
