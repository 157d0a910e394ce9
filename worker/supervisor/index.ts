// The door of this folder.
import { createProcessTrees } from './process-tree';

export { createInstanceStore, type InstanceStore } from './instance-store';
export { createSupervisor, type SupervisorOptions } from './supervisor';
export type * from './types';

/** Ends all processes that an earlier life of an installation left behind. @returns how many there were */
export function sweep(installationId: string): Promise<number> {
  return createProcessTrees().sweep(installationId);
}
