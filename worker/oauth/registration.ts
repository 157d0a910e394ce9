// Clients that register themselves (RFC 7591). Anybody may, so it is bounded: in size here, in rate by the caller, in number
// by lib. What they say of themselves nobody vouches for, and the consent page says so, whether they have a secret or not.
import { randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { anonymousActor, registerClient } from '../../lib/access';
import { hashSecret } from '../../lib/access/secrets';
import type { Db } from '../../lib/db/types';
import { callerAddressOf } from '../caller-address';
import { readClientMetadata } from './client-rules';

const bodyMaxBytes = 16 * 1024;

export interface OauthAnswer {
  status: number;
  body: Record<string, unknown>;
}

export async function register(request: IncomingMessage, db: Db): Promise<OauthAnswer> {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') return refusal(415, 'invalid_client_metadata', 'Send application/json.');
  const text = await readBounded(request);
  if (text === null) return refusal(413, 'invalid_client_metadata', 'The metadata is larger than 16 KiB.');
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch {
    return refusal(400, 'invalid_client_metadata', 'The metadata is not valid JSON.');
  }
  const read = readClientMetadata(input);
  if ('error' in read) return refusal(400, read.error, read.description);
  const isPublic = read.metadata.token_endpoint_auth_method === 'none';
  const secret = isPublic ? null : randomBytes(32).toString('base64url');
  const metadata = {
    client_id: randomBytes(16).toString('base64url'),
    client_id_issued_at: Math.floor(Date.now() / 1000),
    ...read.metadata,
  };
  const source = { actor: anonymousActor, requestId: randomUUID(), address: callerAddressOf(request) };
  // Of 256 random bits a hash tells nothing; the secret itself is in this one answer alone.
  await registerClient({ ...source, db }, { ...metadata, ...(secret && { client_secret: hashSecret(secret) }) });
  // It ends with the client (RFC 7591, 3.2.1).
  return { status: 201, body: { ...metadata, ...(secret && { client_secret: secret, client_secret_expires_at: 0 }) } };
}

export function refusal(status: number, error: string, description: string): OauthAnswer {
  return { status, body: { error, error_description: description } };
}

async function readBounded(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > bodyMaxBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
