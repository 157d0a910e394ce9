export interface Usage {
  pids: number[];
  /** CPU seconds since the processes began. */
  cpu_s: number;
  rss_mib: number;
  /** Proportional set size: shared pages are counted once over all processes. */
  pss_mib: number;
}
/** Of the processes and, unless `self`, of all their descendants. */
export function usage(pids: number[], options?: { self?: boolean }): Usage;
