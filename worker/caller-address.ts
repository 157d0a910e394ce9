// The address of who sent a request. The door finds it out where proxies are trusted; everybody else asks here.
import type { IncomingMessage } from 'node:http';

const noted = Symbol('address of the caller');

/** For the door alone. */
export function noteCallerAddress(request: IncomingMessage, address: string | undefined): void {
  (request as IncomingMessage & { [noted]?: string | undefined })[noted] = address;
}

/** Undefined for what comes over a unix socket, or whose connection is gone. */
export function callerAddressOf(request: IncomingMessage): string | undefined {
  return (request as IncomingMessage & { [noted]?: string })[noted] ?? request.socket.remoteAddress;
}
