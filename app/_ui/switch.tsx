'use client';
import { Root, Thumb } from 'radix-ui/switch';
import type { ComponentProps } from 'react';
import { cn } from './cn';

export function Switch({ className, ...rest }: ComponentProps<typeof Root>) {
  return (
    <Root
      className={cn(
        'inline-flex h-6 w-10 shrink-0 items-center rounded-full border border-input bg-muted p-0.5 transition-colors duration-[120ms] disabled:cursor-not-allowed disabled:opacity-50 data-[state=checked]:border-primary data-[state=checked]:bg-primary',
        className,
      )}
      {...rest}
    >
      <Thumb className="block size-4 rounded-full bg-input transition-transform duration-[120ms] data-[state=checked]:translate-x-4.5 data-[state=checked]:bg-primary-foreground" />
    </Root>
  );
}
