// The door of this folder.
export { createInstanceStore, type InstanceStore } from './instance-store';
export { createSupervisor, type SupervisorOptions } from './supervisor';
export type * from './types';
