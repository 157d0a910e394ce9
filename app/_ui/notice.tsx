// A message that stands where it belongs: what is wrong, the exact cause in mono, and what helps.
import { CircleCheck, Info, KeyRound, OctagonX, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { softToneClass, type Tone } from './badge';
import { cn } from './cn';

const icons = {
  neutral: Info,
  idle: Info,
  busy: Info,
  ok: CircleCheck,
  warn: TriangleAlert,
  bad: OctagonX,
  auth: KeyRound,
};

export interface NoticeProps {
  tone: Tone;
  title: ReactNode;
  /** The exact cause, as it came. */
  cause?: ReactNode;
  /** One sentence on what to do. */
  hint?: ReactNode;
  actions?: ReactNode;
  className?: string;
}

export function Notice({ tone, title, cause, hint, actions, className }: NoticeProps) {
  const Icon = icons[tone];
  return (
    <div
      role={tone === 'bad' ? 'alert' : 'status'}
      className={cn(
        'flex flex-wrap items-start gap-x-3 gap-y-2 rounded-panel px-3 py-2.5 text-table forced-colors:border',
        softToneClass[tone],
        className,
      )}
    >
      <Icon aria-hidden className="mt-0.5 size-4 shrink-0" />
      <div className="min-w-0 flex-1 basis-56">
        <p className={cn('font-medium break-words', tone === 'neutral' && 'text-foreground')}>{title}</p>
        {cause && <p className="mt-0.5 font-mono text-caption font-normal break-words whitespace-pre-wrap">{cause}</p>}
        {hint && <p className={cn('mt-0.5', tone !== 'neutral' && 'text-foreground')}>{hint}</p>}
      </div>
      {actions && <div className="flex items-center gap-2">{actions}</div>}
    </div>
  );
}

/** The notice for anything thrown; an ApiError brings its hint and request id. */
export function ErrorNotice({ error, actions }: { error: unknown; actions?: ReactNode }) {
  const { message, hint, requestId } = (error instanceof Error ? error : { message: String(error) }) as {
    message: string;
    hint?: string;
    requestId?: string;
  };
  return (
    <Notice tone="bad" title={message} hint={hint} cause={requestId && `request ${requestId}`} actions={actions} />
  );
}
