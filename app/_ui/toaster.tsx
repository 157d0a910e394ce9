'use client';
// Toasts confirm what was done. An error that needs action stands where it happened, not here.
import { useTheme } from 'next-themes';
import { Toaster as Sonner } from 'sonner';

export { toast } from 'sonner';

export function Toaster() {
  const { resolvedTheme } = useTheme();
  return (
    <Sonner
      theme={resolvedTheme === 'dark' ? 'dark' : 'light'}
      position="bottom-right"
      gap={8}
      toastOptions={{
        unstyled: true,
        classNames: {
          toast:
            'font-sans flex w-full items-start gap-2 rounded-panel border border-border bg-popover p-3 text-table text-foreground shadow-layer',
          title: 'font-medium',
          description: 'text-muted-foreground',
          actionButton: 'ml-auto shrink-0 text-link font-medium',
        },
      }}
    />
  );
}
