// Tables carry the product: rows of 40 px, hairlines, a sticky head, numbers to the right. The frame scrolls sideways
// by itself, so that a page never does.
import type { ComponentProps, ReactNode } from 'react';
import { cn } from './cn';

export interface TableProps extends ComponentProps<'table'> {
  /** Names the frame, which then can be scrolled by keyboard: for a table in which nothing takes the focus. */
  frameLabel?: string;
}

export function Table({ frameLabel, className, ...rest }: TableProps) {
  const focusable = frameLabel === undefined ? {} : { tabIndex: 0, role: 'region', 'aria-label': frameLabel };
  return (
    <div className="overflow-x-auto rounded-panel border border-border bg-card" {...focusable}>
      <table className={cn('w-full border-collapse text-left text-table', className)} {...rest} />
    </div>
  );
}

export interface TableHeadProps {
  /** Whether each row ends with buttons, which have no heading to see. */
  actions?: boolean;
  /** One `Th` a column. */
  children: ReactNode;
}

export function TableHead({ actions = false, children }: TableHeadProps) {
  return (
    <thead className="text-caption text-muted-foreground">
      <TableRow>
        {children}
        {actions && (
          <Th>
            <span className="sr-only">Actions</span>
          </Th>
        )}
      </TableRow>
    </thead>
  );
}

export function TableBody({ className, ...rest }: ComponentProps<'tbody'>) {
  return <tbody className={className} {...rest} />;
}

export function TableRow({ className, ...rest }: ComponentProps<'tr'>) {
  return (
    <tr
      className={cn(
        'border-t border-border first:border-t-0 [tbody>&]:first:border-t [tbody>&]:hover:bg-accent/60',
        className,
      )}
      {...rest}
    />
  );
}

interface CellProps {
  /** A number: to the right, in columns. */
  numeric?: boolean;
}

export function Th({ numeric, className, ...rest }: ComponentProps<'th'> & CellProps) {
  return (
    <th
      scope="col"
      className={cn('sticky top-0 h-8 bg-card px-3 font-medium whitespace-nowrap', numeric && 'text-right', className)}
      {...rest}
    />
  );
}

export function Td({ numeric, className, ...rest }: ComponentProps<'td'> & CellProps) {
  return (
    <td className={cn('h-10 px-3 py-1.5', numeric && 'figures text-right whitespace-nowrap', className)} {...rest} />
  );
}
