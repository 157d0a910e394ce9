'use client';
// "3 min. ago", with the absolute time in the title.
import { formatAbsolute, formatRelative } from './format';
import { useNow } from './use-now';

export interface RelativeTimeProps {
  /** RFC 3339; null shows `empty`. */
  at: string | null | undefined;
  empty?: string;
}

export function RelativeTime({ at, empty = 'never' }: RelativeTimeProps) {
  const now = useNow(5_000);
  if (!at) return <span className="text-muted-foreground">{empty}</span>;
  const time = Date.parse(at);
  return (
    <time dateTime={at} title={now === null ? undefined : formatAbsolute(time)} className="whitespace-nowrap">
      {now === null ? at.slice(0, 16).replace('T', ' ') : formatRelative(time, now)}
    </time>
  );
}

/** "retry in 12 s", "retry in 3 min", counting down. */
export function Countdown({ to, prefix = '' }: { to: string; prefix?: string }) {
  const now = useNow(500);
  const left = now === null ? null : Math.max(0, Math.ceil((Date.parse(to) - now) / 1_000));
  return (
    <time
      dateTime={to}
      title={now === null ? undefined : formatAbsolute(Date.parse(to))}
      className="figures whitespace-nowrap"
    >
      {prefix}
      {left === null ? '…' : left === 0 ? 'now' : left < 100 ? `in ${left} s` : `in ${Math.round(left / 60)} min`}
    </time>
  );
}
