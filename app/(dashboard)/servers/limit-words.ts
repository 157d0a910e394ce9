// What people read for the limits of a server.
import type { ServerLimit, ServerLimits, ServerType } from '@/lib/servers/schema';

export interface LimitField {
  name: ServerLimit;
  label: string;
  placeholder: string;
  /** Behind the number, where the label does not say it. */
  unit: string;
  /** Only a program of our own has it. */
  ofProcess: boolean;
}

const fields: readonly LimitField[] = [
  { name: 'memoryMb', label: 'Memory, MB', placeholder: 'None', unit: ' MB memory', ofProcess: true },
  { name: 'cpuPercent', label: 'CPU, % of a core', placeholder: 'None', unit: ' % CPU', ofProcess: true },
  { name: 'cpuSeconds', label: 'CPU seconds a run', placeholder: 'None', unit: ' CPU seconds a run', ofProcess: true },
  { name: 'processes', label: 'Processes', placeholder: 'None', unit: ' processes', ofProcess: true },
  { name: 'openFiles', label: 'Open files', placeholder: 'None', unit: ' open files', ofProcess: true },
  {
    name: 'restartsPerHour',
    label: 'Restarts an hour',
    placeholder: 'None',
    unit: ' restarts an hour',
    ofProcess: true,
  },
  { name: 'concurrentCalls', label: 'Calls at once', placeholder: '64', unit: ' calls at once', ofProcess: false },
  {
    name: 'instances',
    label: 'Instances of callers',
    placeholder: '32',
    unit: ' instances of callers',
    ofProcess: false,
  },
  { name: 'queuedCalls', label: 'Calls waiting', placeholder: '256', unit: ' calls waiting', ofProcess: false },
];

export const limitNames = fields.map(({ name }) => name);

export function limitsOf(type: ServerType): readonly LimitField[] {
  if (type === 'stdio') return fields;
  // An API has no state that callers could share, and so no instances of theirs.
  return fields.filter(({ name, ofProcess }) => !ofProcess && (type !== 'openapi' || name !== 'instances'));
}

/** E.g. "512 MB memory, 5 processes"; null without any. */
export function limitText(limits: ServerLimits): string | null {
  const parts = fields.flatMap(({ name, unit }) => (limits[name] === undefined ? [] : [`${limits[name]}${unit}`]));
  return parts.length > 0 ? parts.join(', ') : null;
}

/** The labels of limits by their names, e.g. of those that a platform cannot hold. */
export function limitLabels(names: readonly string[]): string {
  return fields
    .filter(({ name }) => names.includes(name))
    .map(({ label }) => label.split(',')[0]?.toLowerCase().replace('cpu', 'CPU'))
    .join(', ');
}
