/** Joins class names; falsy parts drop out. Later classes do not override earlier ones: components take variants. */
export function cn(...parts: (string | false | null | undefined)[]): string {
  return parts.filter(Boolean).join(' ');
}
