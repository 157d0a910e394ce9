export interface ProcessId {
  pid: number;
  /** Null where the system does not tell. */
  startTime: string | null;
}
export function startTimeOf(pid: number): string | null;
export function isRunning(id: ProcessId): boolean;
export function self(): ProcessId;
export function takeLock<T extends ProcessId>(file: string, content: T, onStale?: (left: T) => void): T | null;
export function readLock(file: string): ProcessId | null;
