// Door of the database: open a pool, bring the schema up to date, read what a failure means.
export { embeddedListens } from './embedded-socket';
export { asDatabaseFault, isDatabaseUnavailable, rootMessage, violatedConstraint } from './faults';
export { type MigrateResult, migrate } from './migrate';
export { type Database, type DatabaseOptions, openDatabase } from './open';
export type { Db, Tx } from './types';
export { hasVectorColumn } from './vector-column';
