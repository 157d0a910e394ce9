// What pages use of live updates.
export type { LiveStatus } from './connection';
export { LiveBanner } from './live-banner';
export { LiveProvider, useLive, useLiveConnection, useLiveEvent, usePollingInterval } from './live-provider';
export { type ServerLogs, useServerLogs } from './use-server-logs';
export { useServerStatuses } from './use-server-statuses';
