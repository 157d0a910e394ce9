// A list of names and values, in two columns where there is room.
import type { ReactNode } from 'react';
import { cn } from './cn';

export interface KeyValuesProps {
  /** Rows whose value is null or undefined are left out. */
  rows: readonly (readonly [key: string, value: ReactNode])[];
  className?: string;
}

export function KeyValues({ rows, className }: KeyValuesProps) {
  return (
    <dl className={cn('hairlines text-table', className)}>
      {rows
        .filter(([, value]) => value !== null && value !== undefined)
        .map(([key, value]) => (
          <div key={key} className="grid gap-x-4 py-2 sm:grid-cols-[10rem_minmax(0,1fr)]">
            <dt className="text-muted-foreground">{key}</dt>
            <dd className="min-w-0 break-words">{value}</dd>
          </div>
        ))}
    </dl>
  );
}
