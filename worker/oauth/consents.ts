// A request for authorization while the user is asked: what the consent page shows of it, and what becomes of the
// answer. Which browser may ask is held by the cookies of the request: the page compares one, the way back the other.
import type Provider from 'oidc-provider';
import { findGrant, giveGrant, loadUser } from '../../lib/access';
import { endpointOfResource } from '../../lib/access/endpoints';
import type { ConsentView } from '../../lib/access/schema';
import type { Db } from '../../lib/db/types';
import { HubError } from '../../lib/errors';
import { shownRedirect } from './client-rules';

export interface Consents {
  /** @throws HubError NOT_FOUND for a request that is over, or whose user or client is gone */
  read(id: string, userId: string): Promise<{ ask: ConsentView | null; returnTo: string | null }>;
  /** @throws HubError as read */
  decide(answer: {
    id: string;
    userId: string;
    allow: boolean;
    requestId: string;
    address?: string | undefined;
  }): Promise<{ returnTo: string }>;
}

export function createConsents(load: () => Promise<Provider>, db: Db, issuer: string): Consents {
  async function find(id: string, userId: string) {
    const provider = await load();
    const [interaction, user] = await Promise.all([provider.Interaction.find(id), loadUser(db, userId)]);
    const { client_id: clientId, redirect_uri: redirectUri, resource, scope, prompt } = interaction?.params ?? {};
    if (!interaction || !user) throw over();
    const client = await provider.Client.find(String(clientId)).catch(() => undefined);
    const endpoint = endpointOfResource(issuer, String(resource));
    if (!client || endpoint === null) throw over();
    const isOwn = client.clientId.startsWith('https://');
    const name =
      printable(client.clientName ?? '') || (isOwn ? new URL(client.clientId).host : 'A program without a name');
    return {
      interaction,
      actor: user.actor,
      asksAgain: prompt !== undefined,
      gift: {
        clientId: client.clientId,
        clientName: name,
        resource: String(resource),
        scopes: String(scope).split(' '),
        redirectUri: String(redirectUri),
      },
      view: {
        client: { name, host: isOwn ? new URL(client.clientId).host : null },
        redirect: shownRedirect(String(redirectUri)),
        endpoint: endpoint || null,
        scopes: String(scope).split(' '),
      },
    };
  }

  type Found = Awaited<ReturnType<typeof find>>;

  async function goOn({ interaction }: Found, result: Found['interaction']['result']): Promise<string> {
    interaction.result = result;
    await interaction.persist();
    return interaction.returnTo;
  }

  function allowed(userId: string, grantId: string) {
    return { login: { accountId: userId, remember: false }, consent: { grantId } };
  }

  return {
    async read(id, userId) {
      const found = await find(id, userId);
      const { actor, gift, view } = found;
      // Whoever may receive what is sent to a program of this computer, nobody can tell: there the user is asked each time
      // (RFC 8252, 8.6).
      const mayBeKnown = !found.asksAgain && !view.redirect.isLocal;
      const grantId = mayBeKnown ? await findGrant({ db, actor, requestId: id }, gift) : null;
      if (grantId === null) return { ask: view, returnTo: null };
      return { ask: null, returnTo: await goOn(found, allowed(userId, grantId)) };
    },
    async decide({ id, userId, allow, requestId, address }) {
      const found = await find(id, userId);
      if (!allow) {
        const result = { error: 'access_denied', error_description: 'The user did not allow it.' };
        return { returnTo: await goOn(found, result) };
      }
      const source = { db, actor: found.actor, requestId, ...(address !== undefined && { address }) };
      const grantId = await giveGrant(source, found.gift);
      return { returnTo: await goOn(found, allowed(userId, grantId)) };
    },
  };
}

function over(): HubError {
  return new HubError('NOT_FOUND', 'This request has expired. Begin again in the program that sent you here.');
}

/** A name must not hide or turn round what stands beside it. */
function printable(name: string): string {
  return name
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 80);
}
