// The door of this folder.
export { createInstanceStore, type InstanceStore } from './instance-store';
export { createLeases, releaseAll } from './leases';
export { createProcessTrees } from './process-tree';
export { createSharedSupervisor, type SharedSupervisor } from './shared';
export { createSupervisor, type SupervisorOptions } from './supervisor';
export type * from './types';
