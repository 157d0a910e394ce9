// Numbers and times as people read them: three significant digits, the unit apart.

export interface Shown {
  value: string;
  unit: string;
}

/** 0.4 ms → "0.4 ms", 1 280 ms → "1.28 s", 93 000 ms → "1.55 min". */
export function formatDuration(ms: number): Shown {
  if (ms < 999.5) return { value: significant(ms), unit: 'ms' };
  if (ms < 59_950) return { value: significant(ms / 1_000), unit: 's' };
  if (ms < 3_597_000) return { value: significant(ms / 60_000), unit: 'min' };
  return { value: significant(ms / 3_600_000), unit: 'h' };
}

/** Steps of 1024. */
export function formatBytes(bytes: number): Shown {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let value = bytes;
  let step = 0;
  while (value >= 999.5 && step < units.length - 1) {
    value /= 1024;
    step += 1;
  }
  return { value: significant(value), unit: units[step] ?? 'B' };
}

/** 1 234 567 → "1.23 M"; below 10,000 in full. */
export function formatCount(count: number): Shown {
  if (count < 10_000) return { value: Math.round(count).toLocaleString('en'), unit: '' };
  if (count < 999_500) return { value: significant(count / 1_000), unit: 'k' };
  return { value: significant(count / 1_000_000), unit: 'M' };
}

/** A share of one as percent. */
export function formatShare(share: number): Shown {
  return { value: significant(share * 100), unit: '%' };
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

function significant(value: number): string {
  if (value === 0) return '0';
  if (Math.abs(value) < 0.01) return '<0.01';
  return String(Number(value.toPrecision(3)));
}

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });

/** "3 min. ago", "in 2 hr.", "now". */
export function formatRelative(at: number, now: number): string {
  const seconds = Math.round((at - now) / 1_000);
  const size = Math.abs(seconds);
  if (size < 5) return 'now';
  if (size < 60) return relative.format(seconds, 'second');
  if (size < 3_600) return relative.format(Math.round(seconds / 60), 'minute');
  if (size < 86_400) return relative.format(Math.round(seconds / 3_600), 'hour');
  return relative.format(Math.round(seconds / 86_400), 'day');
}

/** Absolute, in the reader's zone, with the zone's name. */
export function formatAbsolute(at: number): string {
  return new Date(at).toLocaleString('en-GB', {
    dateStyle: 'medium',
    timeStyle: 'long',
  });
}
