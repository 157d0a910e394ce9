// The door of this folder: the hub as an OAuth client of servers, and what their connections prove themselves with.
import type { Opener } from '../../lib/access/vault/envelope';
import type { Vault } from '../../lib/access/vault/seal';
import { createGivenUpStore } from '../../lib/credentials/given-up';
import { createHeldStore } from '../../lib/credentials/held';
import { createSignInStore } from '../../lib/credentials/sign-ins';
import type { Db } from '../../lib/db/types';
import type { Log } from '../../lib/log';
import type { DesiredServer } from '../../lib/servers';
import type { Egress } from '../upstream';
import { createAsking } from './asking';
import { createDiscovery } from './discovery';
import { createKeeper, type Keeper } from './keeper';
import { clientDocument, clientDocumentPath, createRegistration, ownAddresses } from './registration';
import { createRevocation } from './revocation';
import { type CodeAnswer, createSignIns } from './sign-in';

export { clientDocumentPath };

export interface CredentialsOptions {
  db: Db;
  vault: Vault;
  /** Makes one that remembers what it opened. */
  opener(): Opener;
  egress: Egress;
  /** MCPHUB_PUBLIC_URL. */
  publicUrl: string;
  version: string;
  /** What `${VAR}` in the servers file stands for. */
  processEnv: Record<string, string | undefined>;
  log: Log;
  /** A server as it shall be. @throws HubError NOT_FOUND */
  desired(serverId: string): Promise<DesiredServer>;
  /** Tells all workers that a credential was stored. */
  changed(serverId: string, userId: string | null): Promise<void>;
}

export interface Credentials extends Keeper {
  /** As createSignIns. */
  begin(serverId: string, startedBy: string, forUser: boolean): Promise<string>;
  finish(answer: CodeAnswer): Promise<string>;
  /** Gives tokens back that were given up: after credentials, servers or users were deleted. Never rejects. */
  giveBackAll(): Promise<void>;
  /** For one worker of the hub: asks issuers again that did not answer. @returns what ends it */
  keepGivingBack(everyMs?: number): () => void;
  /** The hub's own metadata document as an OAuth client, as JSON. */
  readonly clientDocument: string;
}

export function createCredentials(options: CredentialsOptions): Credentials {
  const { db, vault, opener, egress, version, log, desired, changed } = options;
  const publicUrl = options.publicUrl.replace(/\/+$/, '');
  const own = ownAddresses(publicUrl);
  const askingFor = createAsking(egress, `mcphub/${version}`);
  const discovery = createDiscovery();
  const held = createHeldStore(db, vault, opener());
  const signIns = createSignInStore(db, vault, opener());
  const registration = createRegistration(signIns, own);
  const keeper = createKeeper({ held, askingFor, discovery, registration, publicUrl, log });
  const { begin, finish } = createSignIns({ askingFor, discovery, registration, signIns, held, own, desired, changed });
  const store = createGivenUpStore(db, opener(), options.processEnv);
  const revocation = createRevocation({ store, askingFor, discovery, registration, log });
  return { ...keeper, begin, finish, ...revocation, clientDocument: JSON.stringify(clientDocument(own)) };
}
