// Buttons. One primary per view, in ink; the rest are quiet.
import { LoaderCircle } from 'lucide-react';
import { Slot } from 'radix-ui/slot';
import type { ComponentProps } from 'react';
import { cn } from './cn';

const variants = {
  primary: 'bg-primary text-primary-foreground hover:opacity-90',
  secondary: 'border border-input/60 bg-card text-foreground hover:bg-accent',
  ghost: 'text-foreground hover:bg-accent',
  danger: 'bg-bad text-background hover:opacity-90',
} as const;

const sizes = {
  md: 'h-8 gap-2 px-3 text-table',
  sm: 'h-7 gap-1.5 px-2 text-table',
  icon: 'size-8',
  'icon-sm': 'size-7',
} as const;

export type ButtonVariant = keyof typeof variants;
export type ButtonSize = keyof typeof sizes;

/** The classes of a button, for a link that looks like one. */
export function buttonClass(variant: ButtonVariant = 'secondary', size: ButtonSize = 'md', className?: string): string {
  return cn(
    'inline-flex shrink-0 select-none items-center justify-center rounded-control font-medium whitespace-nowrap',
    'transition-[background-color,opacity] duration-[120ms] ease-out',
    'disabled:cursor-not-allowed disabled:opacity-50 aria-disabled:opacity-50',
    '[&_svg]:size-4 [&_svg]:shrink-0',
    variants[variant],
    sizes[size],
    className,
  );
}

export interface ButtonProps extends ComponentProps<'button'> {
  variant?: ButtonVariant;
  size?: ButtonSize;
  /** Hands look and behaviour to the only child, e.g. a link. */
  asChild?: boolean;
  /** Work is under way: the button shows it and takes no press. */
  busy?: boolean;
}

export function Button({ variant, size, asChild, busy, className, disabled, children, ...rest }: ButtonProps) {
  const classes = buttonClass(variant, size, className);
  if (asChild) {
    return (
      <Slot className={classes} {...rest}>
        {children}
      </Slot>
    );
  }
  return (
    <button type="button" className={classes} disabled={disabled || busy} aria-busy={busy || undefined} {...rest}>
      {busy && <LoaderCircle aria-hidden className="animate-turn" />}
      {children}
    </button>
  );
}
