// Who may have stored secrets put under a new key.
import { HubError } from '../../errors';
import { can } from '../can';
import type { Ctx } from '../context';

export interface RotationSource {
  actor: { kind: string; id: string; name: string };
  requestId: string;
  address?: string | undefined;
}

/**
 * @returns who asks, for the audit trail
 * @throws HubError FORBIDDEN
 */
export function requireSecretsRotation({ actor, requestId, address }: Ctx): RotationSource {
  if (!can(actor, 'update', { type: 'setting' })) {
    throw new HubError('FORBIDDEN', 'Only an administrator may put stored secrets under a new key.');
  }
  return { actor: { kind: actor.kind, id: actor.id, name: actor.name }, requestId, ...(address && { address }) };
}
