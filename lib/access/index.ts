// Everything about who asks and what they may. Types and shapes for browsers are in schema.ts.
export {
  type ActorResolver,
  type ActorResolverParts,
  actorOfBearer,
  actorOfSession,
  createActorResolver,
} from './actors';
export { type BootstrapParts, bootstrapAccess } from './bootstrap';
export {
  type BrowserSession,
  openBrowserSession,
  renewBrowserSession,
  sealBrowserSession,
  sessionCookieNames,
  sessionIdleSeconds,
  startBrowserSession,
} from './browser-session';
export { canGive, canSome, describeActor, type Resource } from './can';
export type { Ctx } from './context';
export { createRole, deleteRole, duplicateRole, getRole, listRoles, updateRole } from './custom-roles';
export { anonymousActor, loadUser, systemActor } from './identities';
export { createKeyring, type Keyring, loadKeyring, type SealPurpose } from './keyring';
export { createKey, listKeys, revokeKey, rotateKey } from './keys';
export type { Actor } from './schema';
export { completeSetup, issueSetupToken, needsSetup } from './setup';
export {
  changeOwnPassword,
  listUsers,
  noteSignOut,
  type SignedIn,
  type SignInParts,
  signInWithPassword,
} from './users';
