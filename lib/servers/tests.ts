// Who may have a server tested, and what is tested. A test starts a program, so it takes the right to start this one; of
// settings that are not saved yet, the right to add servers. What it shows is what the program prints.
import { randomUUID } from 'node:crypto';
import { can } from '../access/can';
import type { Ctx } from '../access/context';
import { HubError } from '../errors';
import { writeAuditAlone } from '../telemetry/audit';
import { type DesiredServer, desiredOf } from './desired';
import type { OpenRow } from './opened';
import { findServer, serverResource } from './rows';
import type { ServerInput, ServerPatch } from './schema';
import { checkServer, columnsOf, mayCreate, mergedServer, switchedOff } from './servers';

/** What the worker is to test: a saved server, or settings; `of` is the server whose stored values they keep. */
export type Tested = { id: string } | { server: ServerInput; of?: string };

/**
 * @param patch changes to the saved settings that are tested with it, and not saved
 * @throws HubError NOT_FOUND, FORBIDDEN, INVALID_INPUT, CONFLICT for a server that is switched off or of the file
 */
export async function requireServerTest(ctx: Ctx, name: string, patch?: ServerPatch): Promise<Tested> {
  const known = await findServer(ctx, ctx.db, name, patch ? 'update' : 'operate');
  const { row } = known;
  if (!can(ctx.actor, 'read', { ...serverResource(known), type: 'log' })) {
    throw new HubError('FORBIDDEN', `You may not see what "${row.name}" prints, which a test shows.`);
  }
  const isNew = patch !== undefined;
  if (isNew) mayCreate(ctx);
  const server = isNew ? mergedServer(row, patch) : null;
  if (!isNew && !row.enabled && !can(ctx.actor, 'update', serverResource(known))) throw switchedOff(row);
  await writeAuditAlone(ctx.db, ctx, {
    action: 'server.tested',
    resourceType: 'server',
    resourceId: row.id,
    resourceName: row.name,
    ...(server && { after: server }),
  });
  return server ? { server, of: row.id } : { id: row.id };
}

/** @throws HubError FORBIDDEN, INVALID_INPUT */
export async function requireConfigTest(ctx: Ctx, input: ServerInput): Promise<Tested> {
  mayCreate(ctx);
  const server = checkServer(input);
  await writeAuditAlone(ctx.db, ctx, {
    action: 'server.tested',
    resourceType: 'server',
    resourceName: server.name,
    after: server,
  });
  return { server };
}

/** Settings that are not saved, as a server that shall run: nothing of the hub's environment is filled in. */
export function desiredOfInput(input: ServerInput): DesiredServer {
  const row = { id: randomUUID(), source: 'api', desired: 'running', ...columnsOf(input) };
  return desiredOf(row as OpenRow, {});
}
