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
  renewBrowserSession,
  sealBrowserSession,
  sessionCookieNames,
  sessionIdleSeconds,
  startBrowserSession,
} from './browser-session';
export {
  beginBrowserSession,
  listSessions,
  replaceSession,
  revokeOtherSessions,
  revokeSession,
  signOutOf,
} from './browser-sessions';
export { canGive, canSome, describeActor, type Resource } from './can';
export type { Ctx } from './context';
export { createRole, deleteRole, duplicateRole, getRole, listRoles, updateRole } from './custom-roles';
export {
  createSignInRule,
  deleteSignInRule,
  getSignInRule,
  getSignInSetting,
  linkIdentity,
  listOwnIdentities,
  listSignInRules,
  noteFailedProof,
  type Proof,
  setSignInSetting,
  signInProviders,
  signInWithProof,
  trySignInRules,
  unlinkIdentity,
  updateSignInRule,
  type WaysIn,
  withoutSlash,
} from './external';
export {
  endGrant,
  findGrant,
  type GrantGift,
  giveGrant,
  listGrants,
  registerClient,
  revokeGrant,
} from './grants';
export { anonymousActor, loadUser, systemActor } from './identities';
export { acceptInvite, createInvite, findInvite, listInvites, revokeInvite } from './invites';
export { createKeyring, type Keyring, loadKeyring, previousKeyring, type SealPurpose } from './keyring';
export { createKey, listKeys, revokeKey, rotateKey } from './keys';
export {
  createOauthRecords,
  deleteExpiredOauthRecords,
  type OauthPayload,
  type OauthRecords,
} from './oauth-records';
export { changeOwnPassword, createResetLink, findResetLink, resetPassword } from './passwords-of';
export { proveRecently } from './proof';
export type { Actor } from './schema';
export {
  confirmSecondFactor,
  getSecondFactor,
  removeOwnSecondFactor,
  removeSecondFactor,
  renewRecoveryCodes,
  startSecondFactor,
} from './second-factor';
export { completeSetup, issueSetupToken, needsSetup } from './setup';
export { type SignedIn, type SignInParts, type SignInStep, signInWithCode, signInWithPassword } from './sign-in';
export { endpointsOf, type ForeignIssuer, type ForeignToken, foreignTokens, ownTokens, scopesOf } from './tokens';
export { createUser, deleteUser, getUser, listUsers, updateUser } from './users';
export { requireSecretsRotation } from './vault/rotation';
export { createVault, type Vault } from './vault/seal';
