// A server's state as icon and word, the same everywhere. Never a bare dot.
import {
  CircleCheck,
  CircleSlash,
  KeyRound,
  Loader,
  type LucideIcon,
  Moon,
  OctagonX,
  RotateCw,
  Square,
  TriangleAlert,
  Unplug,
} from 'lucide-react';
import type { ServerState } from '@/lib/servers/schema';
import { Badge, type Tone, textToneClass } from './badge';
import { cn } from './cn';

export type ShownState = ServerState | 'unknown';

export const stateLooks: Record<ShownState, { tone: Tone; word: string; Icon: LucideIcon; turns?: boolean }> = {
  ready: { tone: 'ok', word: 'Ready', Icon: CircleCheck },
  starting: { tone: 'busy', word: 'Starting', Icon: Loader, turns: true },
  stopping: { tone: 'busy', word: 'Stopping', Icon: Loader, turns: true },
  degraded: { tone: 'warn', word: 'Degraded', Icon: TriangleAlert },
  retrying: { tone: 'warn', word: 'Retrying', Icon: RotateCw },
  'needs-auth': { tone: 'auth', word: 'Needs sign-in', Icon: KeyRound },
  crashed: { tone: 'bad', word: 'Crashed', Icon: OctagonX },
  asleep: { tone: 'idle', word: 'Asleep', Icon: Moon },
  stopped: { tone: 'idle', word: 'Stopped', Icon: Square },
  disabled: { tone: 'idle', word: 'Disabled', Icon: CircleSlash },
  unknown: { tone: 'neutral', word: 'Unknown', Icon: Unplug },
};

export interface StateBadgeProps {
  /** null: the worker has not told. */
  state: ServerState | null | undefined;
  /** Without the soft ground, for tables. */
  plain?: boolean;
}

export function StateBadge({ state, plain }: StateBadgeProps) {
  const { tone, word, Icon, turns } = stateLooks[state ?? 'unknown'];
  const icon = <Icon aria-hidden className={cn('size-3.5 shrink-0', turns && 'animate-turn')} />;
  if (plain) {
    return (
      <span
        data-state={state ?? 'unknown'}
        className={cn('inline-flex items-center gap-1.5 text-table font-medium whitespace-nowrap', textToneClass[tone])}
      >
        {icon}
        {word}
      </span>
    );
  }
  return (
    <Badge tone={tone} data-state={state ?? 'unknown'}>
      {icon}
      {word}
    </Badge>
  );
}
