// One connection and the transport below it: what the transport reports goes to the connection, and its end ends all
// calls. The transport may be exchanged before the link is in use, when a server turns out to speak another one.
import { HubError } from '../../lib/errors';
import { type Connection, createConnection } from './connection';
import type { Transport, TransportEvents } from './transport';
import type { CloseReason, Sighting } from './types';

export interface LinkEvents {
  /** See ConnectionEvents. */
  hasOwnSession?: boolean;
  notification(method: string, params: Record<string, unknown> | undefined): void;
  inVain?: ((message: string) => void) | undefined;
  sighted?: ((sighting: Sighting) => void) | undefined;
  /** The link is gone for good; called once. */
  closed(reason: CloseReason): void;
}

export interface Link {
  readonly connection: Connection;
  /** Why it ended; null while it has not. */
  readonly end: CloseReason | null;
  /** Puts a transport below; what a former one still reports is not heard. */
  attach<T extends Transport>(open: (events: TransportEvents) => T): T;
  /** Ends the transport below without ending the link. */
  detach(): Promise<void>;
  /** From now on an end interrupts calls; before, it only means that the server cannot be used. */
  opened(): void;
  /** Resolves when nothing of it is left. Idempotent; the first reason counts. */
  close(reason: CloseReason): Promise<void>;
}

const hung = 'The server answered neither calls nor a ping.';

/** @param explain completes the reason of an end that comes before the link is open */
export function createLink(
  server: string,
  events: LinkEvents,
  explain: (reason: CloseReason) => CloseReason = (reason) => reason,
): Link {
  let transport: Transport | null = null;
  let end: CloseReason | null = null;
  let isOpen = false;

  const connection = createConnection(
    server,
    { send: (text, id, method, params) => transport?.send(text, id, method, params) },
    {
      hasOwnSession: events.hasOwnSession ?? false,
      notification: events.notification,
      inVain: (message) => events.inVain?.(message),
      sighted: (sighting) => events.sighted?.(sighting),
      hung: () => void close({ reason: 'hung', message: hung, atOnce: true }),
      versionRefused: () => {
        const message = 'The server no longer speaks the protocol version that it spoke at first.';
        if (isOpen) void close({ reason: 'handshake-failed', message });
      },
    },
  );

  function onClosed(reason: CloseReason): void {
    if (end) return;
    end = isOpen ? namingList(reason, connection.asked) : explain(reason);
    connection.end(errorOf(end, server, isOpen));
    events.closed(end);
  }

  async function close(reason: CloseReason): Promise<void> {
    await transport?.close(reason);
    onClosed(reason);
  }

  return {
    connection,
    get end() {
      return end;
    },
    attach(open) {
      const made = open({
        message: (bytes, onlyFor) => connection.receive(bytes, onlyFor),
        overlong: (head, tail, length) => connection.receiveOverlong(head, tail, length),
        pending: (id) => connection.pending(id),
        failed: (id, error) => connection.fail(id, error),
        sighted: (sighting) => events.sighted?.(sighting),
        closed: (reason) => {
          if (transport === made) onClosed(reason);
        },
      });
      transport = made;
      return made;
    },
    async detach() {
      const former = transport;
      transport = null;
      await former?.close({ reason: 'stopped', message: 'The server speaks another transport.' });
    },
    opened() {
      isOpen = true;
    },
    close,
  };
}

/** A program that ends over a list ends so each time: only who is told which one can mend it. */
function namingList(reason: CloseReason, asked: readonly string[]): CloseReason {
  const list = hasEnded(reason) && asked.find((method) => method.endsWith('/list'));
  return list ? { ...reason, message: `${withoutStop(reason.message)} while it was asked for "${list}".` } : reason;
}

/** By itself or by somebody else, not because the hub stopped it. */
export function hasEnded({ reason }: CloseReason): boolean {
  return reason === 'exited' || reason === 'killed';
}

/** So that a sentence can go on. */
export function withoutStop(sentence: string): string {
  return sentence.replace(/\.$/, '');
}

/** What calls get that were under way, or are made later. */
export function errorOf(
  { reason, message, retryAfterMs, data }: CloseReason,
  server: string,
  wasOpen: boolean,
  cause?: unknown,
): HubError {
  const extras = { server, reason, cause, ...(data && { data }), ...(retryAfterMs !== undefined && { retryAfterMs }) };
  if (reason === 'needs-auth') return new HubError('UPSTREAM_NEEDS_AUTH', message, extras);
  const code = wasOpen && reason !== 'connect-failed' ? 'INTERRUPTED' : 'UPSTREAM_UNAVAILABLE';
  return new HubError(code, message, { ...extras, retryable: true });
}
