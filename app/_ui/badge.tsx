// A small word. Colour only where it says a state.
import type { ComponentProps } from 'react';
import { cn } from './cn';

export type Tone = 'neutral' | 'ok' | 'busy' | 'warn' | 'bad' | 'auth' | 'idle';

export const softToneClass: Record<Tone, string> = {
  neutral: 'bg-muted text-muted-foreground',
  ok: 'bg-ok-soft text-ok',
  busy: 'bg-busy-soft text-busy',
  warn: 'bg-warn-soft text-warn',
  bad: 'bg-bad-soft text-bad',
  auth: 'bg-auth-soft text-auth',
  idle: 'bg-idle-soft text-idle',
};

export const textToneClass: Record<Tone, string> = {
  neutral: 'text-muted-foreground',
  ok: 'text-ok',
  busy: 'text-busy',
  warn: 'text-warn',
  bad: 'text-bad',
  auth: 'text-auth',
  idle: 'text-idle',
};

export interface BadgeProps extends ComponentProps<'span'> {
  tone?: Tone;
}

export function Badge({ tone = 'neutral', className, ...rest }: BadgeProps) {
  return (
    <span
      className={cn(
        'inline-flex h-5 items-center gap-1 rounded-control px-1.5 text-caption whitespace-nowrap forced-colors:border [&_svg]:size-3.5 [&_svg]:shrink-0',
        softToneClass[tone],
        className,
      )}
      {...rest}
    />
  );
}
