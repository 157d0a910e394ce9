// The server side of pages, actions and REST routes. Each asks here who is there, calls one verb of lib, and is done.
export { type Action, type ActionResult, defineAction } from './action';
export { context, currentActor, requireActor, sentActor } from './actor';
export { beginsHere, decideConsent, readConsent } from './consent';
export { cache, keyring, log, readDocument, settings, worker } from './hub';
export { readTicket } from './link-cookie';
export { nextAuth } from './next-auth';
export { callbackUrl } from './oauth-providers';
export { ownPath } from './own-path';
export {
  type Call,
  ifVersion,
  listAnswer,
  pageOf,
  pageQuery,
  refuseOthers,
  route,
  versioned,
} from './rest';
export {
  acceptInvite,
  beginLink,
  changePassword,
  isInviteOpen,
  isSetupNeeded,
  setUp,
  signInWithCode,
  signInWithPassword,
  signOut,
  userOfResetLink,
  waysIn,
} from './sign-in';
export { whileSignedIn } from './signed-in';
export { stepwise } from './steps';
export { ownUrl } from './visitor';
