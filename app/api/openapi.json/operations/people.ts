// Users, their rights and ways in, and keys.
import { z } from 'zod';
import type { Operations } from './operation';
import { page } from './paging';

export const peopleOperations: Operations = {
  '/api/v1/settings/sign-in': {
    get: { summary: 'Whether new people get an account at sign-in', answer: 'SignInSetting', problems: [403] },
    patch: {
      summary: 'Change it by a JSON merge patch',
      body: 'SignInSettingPatch',
      answer: 'SignInSetting',
      problems: [403],
    },
  },
  '/api/v1/sign-in-rules': {
    get: { summary: 'Rules of sign-in at providers', query: page, answer: 'SignInRuleList', problems: [403] },
    post: {
      summary: 'Add a rule: who has a claim of a value gets roles and groups; nobody can give what he has not',
      body: 'SignInRuleInput',
      answer: 'SignInRule',
      status: 201,
      versioned: 'etag',
      problems: [403, 409],
    },
  },
  '/api/v1/sign-in-rules/{id}': {
    get: { summary: 'One rule', answer: 'SignInRule', versioned: 'etag', problems: [404] },
    patch: {
      summary: 'Change a rule by a JSON merge patch; roles and groups are replaced whole',
      body: 'SignInRulePatch',
      answer: 'SignInRule',
      versioned: 'both',
      problems: [403, 404, 412],
    },
    delete: { summary: 'Remove a rule', status: 204, versioned: 'if-match', problems: [403, 404, 412] },
  },
  '/api/v1/sign-in-rules/try': {
    post: {
      summary: 'What the rules would give somebody with these claims; changes nothing',
      body: 'RuleTrial',
      answer: 'RuleTrialResult',
      problems: [403],
    },
  },
  '/api/v1/keys': {
    get: { summary: 'API keys', query: page, answer: 'KeyList' },
    post: { summary: 'Make an API key', body: 'KeyInput', answer: 'NewKey', status: 201, problems: [403] },
  },
  '/api/v1/keys/{id}': { delete: { summary: 'Revoke an API key', status: 204, problems: [403, 404] } },
  '/api/v1/grants': {
    get: {
      summary: 'What users allowed MCP clients: the own, and those of others where the caller may change users',
      query: page.extend({ user: z.uuid().optional().meta({ description: 'Id of the user' }) }),
      answer: 'GrantList',
      problems: [403, 404],
    },
  },
  '/api/v1/grants/{id}': {
    delete: { summary: 'End what a client was allowed, with all its tokens', status: 204, problems: [404] },
  },
  '/api/v1/roles': {
    get: { summary: 'Roles, and who has them', query: page, answer: 'RoleList', problems: [403] },
    post: {
      summary: 'Add a role; nobody can give a permission that he has not',
      body: 'RoleInput',
      answer: 'Role',
      status: 201,
      versioned: 'etag',
      problems: [403, 409],
    },
  },
  '/api/v1/roles/{name}': {
    get: { summary: 'One role', answer: 'Role', versioned: 'etag', problems: [404] },
    patch: {
      summary: 'Change a role by a JSON merge patch; permissions are replaced whole, and hold at once',
      body: 'RolePatch',
      answer: 'Role',
      versioned: 'both',
      problems: [403, 404, 409, 412],
    },
    delete: {
      summary: 'Remove a role that nobody has',
      status: 204,
      versioned: 'if-match',
      problems: [403, 404, 409, 412],
    },
  },
  '/api/v1/roles/{name}/duplicate': {
    post: {
      summary: 'Add a role with the permissions of another one',
      body: 'RoleCopy',
      answer: 'Role',
      status: 201,
      versioned: 'etag',
      problems: [403, 404, 409],
    },
  },
  '/api/v1/keys/{id}/rotate': {
    post: {
      summary: 'Give an own API key a new secret; the old one works for some hours more',
      body: 'KeyRotation',
      answer: 'RotatedKey',
      status: 201,
      problems: [404, 409],
    },
  },
  '/api/v1/users': {
    get: { summary: 'Users', query: page, answer: 'UserList', problems: [403] },
    post: {
      summary: 'Add a user, and make a link by which that user chooses a password',
      body: 'UserInput',
      answer: 'NewUser',
      status: 201,
      problems: [403, 409],
    },
  },
  '/api/v1/users/{id}': {
    get: { summary: 'One user', answer: 'User', versioned: 'etag', problems: [404] },
    patch: {
      summary: 'Change a user by a JSON merge patch; roles and groups are replaced whole. Disabling ends what runs',
      body: 'UserPatch',
      answer: 'User',
      versioned: 'both',
      problems: [403, 404, 409, 412],
    },
    delete: {
      summary: 'Remove a user with keys and sessions',
      status: 204,
      versioned: 'if-match',
      problems: [403, 404, 409, 412],
    },
  },
  '/api/v1/users/{id}/sessions': {
    get: { summary: 'Where a user is signed in with a browser', query: page, answer: 'SessionList', problems: [404] },
    delete: { summary: 'Sign a user out of every browser but this one', answer: 'SessionsEnded', problems: [404] },
  },
  '/api/v1/users/{id}/sessions/{session}': {
    delete: { summary: 'Sign a user out of one browser', status: 204, problems: [404] },
  },
  '/api/v1/users/{id}/reset-link': {
    post: {
      summary: 'Make a link by which a user chooses a new password, once; an earlier one is void',
      answer: 'OneTimeLink',
      status: 201,
      problems: [403, 404],
    },
  },
  '/api/v1/users/{id}/second-factor': {
    delete: { summary: 'Remove the second factor of somebody who lost it', status: 204, problems: [403, 404] },
  },
  '/api/v1/invites': {
    get: { summary: 'Invites', query: page, answer: 'InviteList', problems: [403] },
    post: {
      summary: 'Make a link by which somebody makes an account, once',
      body: 'InviteInput',
      answer: 'NewInvite',
      status: 201,
      problems: [403],
    },
  },
  '/api/v1/invites/{id}': {
    delete: { summary: 'Revoke an invite that was not used', status: 204, problems: [404, 409] },
  },
  '/api/v1/invites/accept': {
    post: {
      summary: 'Make the account of an invite and sign in',
      body: 'InviteAccept',
      answer: 'SignedIn',
      status: 201,
      anonymous: true,
      problems: [403, 404, 409, 429],
    },
  },
  '/api/v1/password-reset': {
    post: {
      summary: 'Choose a new password with a one-time link',
      body: 'PasswordReset',
      answer: 'SignedIn',
      anonymous: true,
      problems: [403, 404, 429],
    },
  },
  '/api/v1/me': { get: { summary: 'Who the caller is, and what it may do', answer: 'Me' } },
  '/api/v1/me/password': {
    post: { summary: 'Change the own password', body: 'PasswordChange', answer: 'SignedIn', problems: [403, 429] },
  },
  '/api/v1/me/sessions': {
    get: { summary: 'Where the caller is signed in', query: page, answer: 'SessionList', problems: [404] },
    delete: { summary: 'Sign out every browser but this one', answer: 'SessionsEnded', problems: [404] },
  },
  '/api/v1/me/sessions/{id}': { delete: { summary: 'Sign out one browser', status: 204, problems: [404] } },
  '/api/v1/me/identities': {
    get: { summary: "The caller's identities at sign-in providers", answer: 'OwnIdentities', problems: [403] },
  },
  '/api/v1/me/identities/link': {
    post: {
      summary: 'Have the next visit of this browser to a provider link an identity',
      body: 'LinkStart',
      status: 204,
      problems: [403, 404, 429],
    },
  },
  '/api/v1/me/identities/{id}/remove': {
    post: {
      summary: 'Unlink an identity that is not the only way in',
      body: 'OwnerProof',
      status: 204,
      problems: [403, 404, 409, 429],
    },
  },
  '/api/v1/me/second-factor': {
    get: { summary: 'Whether the caller has a second factor', answer: 'SecondFactor', problems: [403] },
    post: {
      summary: 'Begin with a second factor: a secret for an authenticator app, which counts once it is confirmed',
      body: 'OwnerProof',
      answer: 'FactorStart',
      status: 201,
      problems: [403, 409, 429],
    },
  },
  '/api/v1/me/second-factor/confirm': {
    post: {
      summary: 'Confirm the secret with a code of it; the answer holds the recovery codes',
      body: 'FactorConfirm',
      answer: 'RecoveryCodes',
      problems: [403, 409, 429],
    },
  },
  '/api/v1/me/second-factor/remove': {
    post: { summary: 'Remove the own second factor', body: 'OwnerProof', status: 204, problems: [403, 429] },
  },
  '/api/v1/me/second-factor/recovery-codes': {
    post: {
      summary: 'Make new recovery codes; those from before are good no more',
      body: 'OwnerProof',
      answer: 'RecoveryCodes',
      problems: [403, 409, 429],
    },
  },
  '/api/v1/setup': {
    post: {
      summary: 'Make the first admin with the one-time token',
      body: 'SetupInput',
      answer: 'SignedIn',
      status: 201,
      anonymous: true,
      problems: [403, 404],
    },
  },
};
