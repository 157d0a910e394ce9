'use client';
import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { Button, type ButtonSize, type ButtonVariant } from './button';
import { copyText } from './copy-text';

export interface CopyButtonProps {
  text: string;
  /** What is copied, for screen readers and as the word on a button with text: "Copy URL". */
  label?: string;
  /** Shows the label beside the icon. */
  withLabel?: boolean;
  variant?: ButtonVariant;
  size?: ButtonSize;
  onCopied?: () => void;
}

export function CopyButton({ text, label = 'Copy', withLabel, variant = 'ghost', size, onCopied }: CopyButtonProps) {
  const [state, setState] = useState<'idle' | 'copied' | 'failed'>('idle');
  useEffect(() => {
    if (state === 'idle') return;
    const timer = setTimeout(() => setState('idle'), 2_000);
    return () => clearTimeout(timer);
  }, [state]);

  async function copy() {
    const done = await copyText(text);
    setState(done ? 'copied' : 'failed');
    if (done) onCopied?.();
  }

  const said = state === 'copied' ? 'Copied' : state === 'failed' ? 'Copying was refused: select the text instead' : '';
  return (
    <>
      <Button
        variant={variant}
        size={size ?? (withLabel ? 'sm' : 'icon-sm')}
        onClick={copy}
        aria-label={withLabel ? undefined : label}
        title={withLabel ? undefined : label}
      >
        {state === 'copied' ? <Check aria-hidden className="text-ok" /> : <Copy aria-hidden />}
        {withLabel && (state === 'copied' ? 'Copied' : label)}
      </Button>
      <span role="status" className="sr-only">
        {said}
      </span>
    </>
  );
}
