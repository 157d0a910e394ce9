'use client';
// Tabs. A page keeps the open one in the URL (nuqs) and passes `value` and `onValueChange`.
import * as Radix from 'radix-ui/tabs';
import { type ComponentProps, useEffect, useRef } from 'react';
import { cn } from './cn';

export const Tabs = Radix.Root;

export function TabsList({ className, ...rest }: ComponentProps<typeof Radix.List>) {
  const list = useRef<HTMLDivElement>(null);
  const shown = useRef<Element | null>(null);
  // On a narrow screen the strip scrolls, and the tab that opens is brought into sight. Once: then it is the visitor's.
  useEffect(() => {
    const box = list.current;
    const active = box?.querySelector('[data-state="active"]') ?? null;
    if (!box || !active || active === shown.current) return;
    shown.current = active;
    const [frame, tab] = [box.getBoundingClientRect(), active.getBoundingClientRect()];
    if (tab.left < frame.left) box.scrollLeft += tab.left - frame.left;
    else if (tab.right > frame.right) box.scrollLeft += tab.right - frame.right;
  });
  return (
    <Radix.List
      ref={list}
      className={cn('flex gap-1 overflow-x-auto border-b border-border [scrollbar-width:none]', className)}
      {...rest}
    />
  );
}

export function Tab({ className, ...rest }: ComponentProps<typeof Radix.Trigger>) {
  return (
    <Radix.Trigger
      className={cn(
        '-mb-px inline-flex h-9 shrink-0 items-center gap-1.5 border-b-2 border-transparent px-2.5 text-table text-muted-foreground hover:text-foreground focus-visible:-outline-offset-2 data-[state=active]:border-foreground data-[state=active]:font-medium data-[state=active]:text-foreground',
        className,
      )}
      {...rest}
    />
  );
}

export function TabPanel({ className, ...rest }: ComponentProps<typeof Radix.Content>) {
  return <Radix.Content className={cn('pt-4 focus-visible:outline-offset-4', className)} {...rest} />;
}
