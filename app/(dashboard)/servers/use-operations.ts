'use client';
// Start, stop and restart with the outcome shown at once: the expected state stands until the worker reports a newer
// one, and is taken back with the reason if the hub refuses.
import { useState } from 'react';
import { answered } from '@/app/_ui/answered';
import type { ActionFailure } from '@/lib/errors';
import type { ServerState } from '@/lib/servers/schema';
import { operateServerAction } from './actions';
import { type Operation, optimisticStates, type ShownServer } from './shown-server';

interface Expected {
  state: ServerState;
  /** The version that was known at the press; a newer one ends the expectation. */
  version: number;
}

export interface Operations {
  run: (server: ShownServer, operation: Operation) => Promise<void>;
  /** The state to show. */
  stateOf: (server: ShownServer) => ServerState | null;
  refusal: { server: string; operation: Operation; failure: ActionFailure } | null;
}

export function useOperations(): Operations {
  const [expected, setExpected] = useState<Record<string, Expected>>({});
  const [refusal, setRefusal] = useState<Operations['refusal']>(null);

  return {
    refusal,
    stateOf(server) {
      const wanted = expected[server.id];
      if (wanted && (server.status?.version ?? 0) <= wanted.version) return wanted.state;
      return server.status?.state ?? null;
    },
    async run(server, operation) {
      const before = server.status?.version ?? 0;
      setRefusal(null);
      setExpected((known) => ({ ...known, [server.id]: { state: optimisticStates[operation], version: before } }));
      const answer = await answered(operateServerAction({ name: server.name, operation }));
      if (answer.ok) return;
      setExpected(({ [server.id]: _, ...rest }) => rest);
      setRefusal({ server: server.name, operation, failure: answer });
    },
  };
}
