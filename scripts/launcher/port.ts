// Questions about TCP ports: is it free, and who has it.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';

/** Tries to listen and gives the port back. @returns null when it is free, else the error's code, e.g. "EADDRINUSE" */
export function portFault(port: number, host: string): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

/** A port of 127.0.0.1 that nobody has at this moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

export interface PortHolder {
  pid: number;
  command: string;
}

const listening = '0A'; // include/net/tcp_states.h

/** The process that listens on the port, where Linux lets us see it: only our own processes, unless we are root. */
export function holderOf(port: number): PortHolder | null {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const sockets = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of lines(table)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (local?.endsWith(`:${hexPort}`) && state === listening) sockets.add(`socket:[${inode}]`);
    }
  }
  if (sockets.size === 0) return null;
  for (const pid of entries('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const fd of entries(`/proc/${pid}/fd`)) {
      if (!sockets.has(linkTarget(`/proc/${pid}/fd/${fd}`))) continue;
      return { pid: Number(pid), command: lines(`/proc/${pid}/cmdline`).join(' ').replaceAll('\0', ' ').trim() };
    }
  }
  return null;
}

// Processes end while we look at them: what cannot be read is not there.
function attempt<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

const lines = (file: string) => attempt(() => readFileSync(file, 'utf8').split('\n'), []);
const entries = (folder: string) => attempt(() => readdirSync(folder), [] as string[]);
const linkTarget = (link: string) => attempt(() => readlinkSync(link), '');
