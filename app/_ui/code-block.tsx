// Code or output as it is, with a button to copy it.
import { cn } from './cn';
import { CopyButton } from './copy-button';

export interface CodeBlockProps {
  code: string;
  /** Says what it is: a file path, a language. Stands above the code. */
  caption?: string;
  copyLabel?: string;
  wrap?: boolean;
  className?: string;
  onCopied?: () => void;
}

export function CodeBlock({ code, caption, copyLabel = 'Copy', wrap, className, onCopied }: CodeBlockProps) {
  return (
    <div className={cn('relative min-w-0 rounded-panel border border-border bg-sunken', className)}>
      {caption && (
        <div className="flex h-8 items-center border-b border-border pr-10 pl-3 font-mono text-caption font-normal text-muted-foreground">
          <span className="truncate" title={caption}>
            {caption}
          </span>
        </div>
      )}
      <div className={cn('absolute right-1', caption ? 'top-0.5' : 'top-1')}>
        <CopyButton text={code} label={copyLabel} onCopied={onCopied} />
      </div>
      <pre
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls must be reachable by keyboard (WCAG 2.1.1)
        tabIndex={0}
        className={cn(
          'max-h-[28rem] overflow-auto p-3 pr-10 font-mono text-[0.75rem] leading-[1.125rem]',
          wrap && 'break-words whitespace-pre-wrap',
        )}
      >
        <code>{code}</code>
      </pre>
    </div>
  );
}
