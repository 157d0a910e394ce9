// Sign-in at somebody else's: OpenID Connect, GitHub, Google. Shapes for browsers are in schema.ts.
export { linkIdentity, listOwnIdentities, unlinkIdentity, type WaysIn } from './own';
export { signInProviders, withoutSlash } from './providers';
export {
  createSignInRule,
  deleteSignInRule,
  getSignInRule,
  listSignInRules,
  trySignInRules,
  updateSignInRule,
} from './rules';
export { getSignInSetting, setSignInSetting } from './setting';
export { noteFailedProof, type Proof, signInWithProof } from './sign-in';
