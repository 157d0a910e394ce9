// The severities of log messages (RFC 5424) in the words of MCP (server/utilities/logging), least first.
export const logLevels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'] as const;

/** Place of a level in the list; -1 for what is none. */
export function severityOf(level: unknown): number {
  return logLevels.indexOf(level as (typeof logLevels)[number]);
}
