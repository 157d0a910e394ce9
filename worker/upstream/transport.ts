// What the two transports have in common: how one is driven, and what it reports.
import type { HubError } from '../../lib/errors';
import type { Wire } from './connection';
import type { CloseReason, Sighting } from './types';

/** A line of stdio, and an HTTP answer after decompression. */
export const maxMessageBytes = 16 * 1024 * 1024;

export interface TransportEvents {
  /** @returns false if the bytes are no message */
  message(bytes: Buffer, onlyFor?: string): boolean;
  overlong(head: Buffer, tail: Buffer, length: number): void;
  /** Whether a request still waits for its answer. */
  pending(id: string): boolean;
  /** One request failed on its way; the connection goes on. */
  failed(id: string, error: HubError): void;
  sighted?(sighting: Sighting): void;
  /** The connection is gone; called once. */
  closed(reason: CloseReason): void;
}

export interface Transport extends Wire {
  /** Resolves when nothing of the connection is left. Idempotent; the first reason counts. */
  close(reason: CloseReason): Promise<void>;
}
