// A select is the system's own: it is the lightest, and the best one on a phone.
import { ChevronDown } from 'lucide-react';
import type { ComponentProps } from 'react';
import { cn } from './cn';

export interface SelectOption {
  value: string;
  label: string;
  disabled?: boolean;
}

export interface SelectProps extends Omit<ComponentProps<'select'>, 'children'> {
  options: readonly SelectOption[];
}

export function Select({ options, className, ...rest }: SelectProps) {
  return (
    <span className={cn('relative inline-block', className)}>
      <select
        className="h-8 w-full appearance-none rounded-control border border-input bg-card pr-7 pl-2.5 text-table text-foreground disabled:bg-muted disabled:text-muted-foreground aria-invalid:border-bad max-sm:text-[1rem]"
        {...rest}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value} disabled={option.disabled}>
            {option.label}
          </option>
        ))}
      </select>
      <ChevronDown
        aria-hidden
        className="pointer-events-none absolute top-1/2 right-2 size-4 -translate-y-1/2 text-muted-foreground"
      />
    </span>
  );
}
