// A number with its unit muted; the exact value is in the title.
import { cn } from './cn';
import { formatBytes, formatCount, formatDuration, formatShare, type Shown } from './format';

const formats = { duration: formatDuration, bytes: formatBytes, count: formatCount, share: formatShare } as const;
const exactUnits = { duration: ' ms', bytes: ' bytes', count: '', share: '' } as const;

export interface FigureProps {
  /** Milliseconds, bytes, a count, or a share of one; null shows a dash. */
  value: number | null | undefined;
  as: keyof typeof formats;
  className?: string;
}

export function Figure({ value, as, className }: FigureProps) {
  if (value === null || value === undefined) {
    return <span className={cn('text-muted-foreground', className)}>–</span>;
  }
  const shown: Shown = formats[as](value);
  return (
    <span className={cn('figures whitespace-nowrap', className)} title={`${value}${exactUnits[as]}`}>
      {shown.value}
      {shown.unit && (
        <span className="text-muted-foreground">
          {as === 'share' ? '' : ' '}
          {shown.unit}
        </span>
      )}
    </span>
  );
}
