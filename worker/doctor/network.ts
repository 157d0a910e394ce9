// The way to a URL step by step: is it legal, which addresses has its name, does one accept a connection, does TLS hold.
// Nothing is sent to the server beyond that.
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, rootCertificates, type TLSSocket } from 'node:tls';
import { asHubError } from '../../lib/errors';
import type { Egress, UpstreamTarget } from '../upstream';
import { adviceForNetwork } from './advice';
import type { Course } from './course';

const stepMs = 10_000;
const expiresSoonMs = 14 * 86_400_000;

export interface NetworkOptions {
  egress: Egress;
  signal: AbortSignal;
}

/** @returns the URL if all steps went well */
export async function examineNetwork(
  course: Course,
  { url: text, tls }: Pick<UpstreamTarget, 'url' | 'tls'>,
  { egress, signal }: NetworkOptions,
): Promise<URL | null> {
  course.begin('url');
  const url = text !== null && URL.canParse(text) ? new URL(text) : null;
  if (!url) {
    course.fail('url', { cause: 'The URL cannot be read.', fix: 'Enter one such as https://example.com/mcp.' });
    return null;
  }
  let proxy: ReturnType<Egress['proxyFor']>;
  try {
    egress.checkUrl(url);
    proxy = egress.proxyFor(url);
  } catch (error) {
    const fix = 'Use an http or https URL whose address MCPHUB_EGRESS allows; credentials belong into headers.';
    course.fail('url', { cause: asHubError(error).message, fix });
    return null;
  }
  course.pass('url', url.origin + url.pathname);
  if (proxy) {
    for (const id of ['dns', 'connect', 'tls'] as const) course.skip(id, `Left to the proxy ${proxy.label}.`);
    return url;
  }
  const step = async (id: 'dns' | 'connect' | 'tls', run: () => Promise<string>): Promise<boolean> => {
    course.begin(id);
    try {
      const seen = await run();
      if (course.current === id) course.pass(id, seen);
      return true;
    } catch (error) {
      if (!signal.aborted) course.fail(id, adviceForNetwork(url, codeOf(error)));
      return false;
    }
  };
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host)) course.skip('dns', 'The URL holds an address, no name.');
  else if (!(await step('dns', () => resolve(host, egress, signal)))) return null;
  let socket: Socket | TLSSocket | null = null;
  try {
    const isOpen = await step('connect', async () => {
      socket = await openSocket(url, host, egress, signal);
      return `${socket.remoteAddress} port ${socket.remotePort}`;
    });
    if (!isOpen || !socket) return null;
    if (url.protocol === 'http:') return url;
    const plain: Socket = socket;
    const holds = await step('tls', async () => {
      const names = tls?.serverName ?? (isIP(host) ? undefined : host);
      const ca = tls?.ca ? [...rootCertificates, ...egress.extraRoots(), tls.ca] : undefined;
      const secured = await secure(plain, { host, servername: names, ca }, signal);
      socket = secured;
      return inWords(secured, course);
    });
    return holds ? url : null;
  } finally {
    (socket as Socket | null)?.destroy();
  }
}

function resolve(host: string, { lookup }: Egress, signal: AbortSignal): Promise<string> {
  return within(signal, (done, failed) => {
    lookup(host, { all: true }, (error, found) => {
      if (error) return failed(error);
      const addresses = (Array.isArray(found) ? found : [{ address: found }]).map(({ address }) => address);
      done(addresses.slice(0, 8).join(', '));
    });
    return () => {};
  });
}

function openSocket(url: URL, host: string, { lookup }: Egress, signal: AbortSignal): Promise<Socket> {
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  return within(signal, (done, failed) => {
    const socket = connect({ host, port, lookup });
    socket.once('connect', () => done(socket));
    // Stays: what breaks later is nobody's fault here.
    socket.on('error', failed);
    return () => socket.destroy();
  });
}

function secure(
  socket: Socket,
  { host, servername, ca }: { host: string; servername: string | undefined; ca: string[] | undefined },
  signal: AbortSignal,
): Promise<TLSSocket> {
  return within(signal, (done, failed) => {
    const secured = connectTls({ socket, host, ...(ca && { ca }), ...(servername !== undefined && { servername }) });
    secured.once('secureConnect', () => done(secured));
    secured.on('error', failed);
    secured.once('close', () => failed(Object.assign(new Error('closed'), { code: 'ECONNRESET' })));
    return () => secured.destroy();
  });
}

function inWords(socket: TLSSocket, course: Course): string {
  const { issuer, valid_to: until } = socket.getPeerCertificate();
  const authority = issuer?.O ?? issuer?.CN ?? 'unknown';
  const seen = `${socket.getProtocol()}, certificate by ${authority}, valid until ${until}`;
  if (until && Date.parse(until) - Date.now() < expiresSoonMs) {
    course.warn('tls', { seen, cause: 'The certificate expires soon.', fix: 'Renew it at the server.' });
  }
  return seen;
}

/** One step with its end: by what it waits for, after some seconds, or when the test is cancelled. */
function within<T>(
  signal: AbortSignal,
  start: (done: (value: T) => void, failed: (error: Error) => void) => () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let undo: () => void = () => {};
    const failed = (error: Error) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      undo();
      reject(error);
    };
    const onAbort = () => failed(Object.assign(new Error('cancelled'), { code: 'CANCELLED' }));
    const timer = setTimeout(() => failed(Object.assign(new Error('timed out'), { code: 'TIMEOUT' })), stepMs);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort);
    let isDone = false;
    undo = start(
      (value) => {
        isDone = true;
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        resolve(value);
      },
      (error) => {
        if (!isDone) failed(error);
      },
    );
  });
}

/** Node joins the faults of several addresses into one error without a code of its own. */
function codeOf(error: unknown): string {
  const { code, errors } = error as NodeJS.ErrnoException & { errors?: unknown[] };
  return code ?? (errors?.[0] ? codeOf(errors[0]) : 'unknown');
}
