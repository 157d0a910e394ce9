// What the worker does beside serving: following the servers file, and deleting old records.
export { type ConfigWatch, type ConfigWatchOptions, watchConfig } from './config-watch';
export { type Retention, type RetentionLimits, startRetention, sweep } from './retention';
