// Double of the Upstash REST protocol in front of a real Redis, so that code on @upstash/redis meets the behaviour of
// Redis without the cloud. Knows single commands, pipelines and transactions, with base64 answers where asked for.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClient } from 'redis';
import { z } from 'zod';

export interface UpstashDouble {
  url: string;
  token: string;
  /** Number of requests so far. */
  requests(): number;
  close(): Promise<void>;
}

const commandSchema = z.array(z.union([z.string(), z.number()])).transform((parts) => parts.map(String));

function encode(value: unknown, base64: boolean): unknown {
  if (Array.isArray(value)) return value.map((item) => encode(item, base64));
  // A status reply is plain text; a stored string "OK" cannot be told from it.
  if (typeof value !== 'string' || !base64 || value === 'OK') return value;
  return Buffer.from(value).toString('base64');
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString('utf8') || '[]');
}

export async function startUpstashDouble(redisUrl: string): Promise<UpstashDouble> {
  const token = 'token-of-the-double';
  // RESP 2 and raw commands: the shapes of the replies are then those of Redis itself, not the client's prettier ones.
  const redis = await createClient({ url: redisUrl, RESP: 2 }).connect();
  let requests = 0;

  async function runOne(command: string[], base64: boolean) {
    try {
      return { result: encode(await redis.sendCommand(command), base64) };
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error) };
    }
  }

  async function answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
    if (request.headers.authorization !== `Bearer ${token}`) return { status: 401, body: { error: 'Unauthorized' } };
    const base64 = request.headers['upstash-encoding'] === 'base64';
    const body = await readJson(request);
    if (request.url === '/') {
      const one = await runOne(commandSchema.parse(body), base64);
      return { status: 'error' in one ? 400 : 200, body: one };
    }
    const commands = z.array(commandSchema).parse(body);
    if (request.url === '/pipeline') {
      return { status: 200, body: await Promise.all(commands.map((command) => runOne(command, base64))) };
    }
    if (request.url === '/multi-exec') {
      const multi = redis.multi();
      for (const command of commands) multi.addCommand(command);
      const replies: unknown[] = await multi.exec();
      return { status: 200, body: replies.map((reply) => ({ result: encode(reply, base64) })) };
    }
    return { status: 404, body: { error: 'unknown path' } };
  }

  async function handle(request: IncomingMessage, response: ServerResponse) {
    requests += 1;
    const { status, body } = await answer(request);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: Error) => response.destroy(error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    requests: () => requests,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await redis.close();
    },
  };
}
