// How a call went, in words.
import { Badge, type Tone } from '@/app/_ui/badge';

const looks: Record<string, { word: string; tone: Tone }> = {
  ok: { word: 'OK', tone: 'ok' },
  tool_error: { word: 'Tool error', tone: 'bad' },
  rpc_error: { word: 'Refused by the server', tone: 'bad' },
  timeout: { word: 'Timed out', tone: 'bad' },
  busy: { word: 'Busy', tone: 'warn' },
  limited: { word: 'Over the limit', tone: 'warn' },
  cancelled: { word: 'Cancelled', tone: 'idle' },
  denied: { word: 'Denied', tone: 'warn' },
  unavailable: { word: 'Unavailable', tone: 'bad' },
  interrupted: { word: 'Interrupted', tone: 'bad' },
};

export function outcomeWord(outcome: string): string {
  return looks[outcome]?.word ?? outcome;
}

/** A good call is quiet, so that the others stand out. */
export function OutcomeBadge({ outcome }: { outcome: string }) {
  if (outcome === 'ok') return <span className="text-muted-foreground">OK</span>;
  return <Badge tone={looks[outcome]?.tone ?? 'neutral'}>{outcomeWord(outcome)}</Badge>;
}
