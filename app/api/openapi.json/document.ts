// The OpenAPI 3.1 document, made from the zod schemas that the routes parse with. One row per method of a route; a test
// holds rows and route files together, both ways.
import { z } from 'zod';
import {
  factorConfirmSchema,
  inviteAcceptSchema,
  inviteInputSchema,
  keyInputSchema,
  keyRotationSchema,
  ownerProofSchema,
  passwordChangeSchema,
  passwordResetSchema,
  roleCopySchema,
  roleInputSchema,
  rolePatchSchema,
  setupInputSchema,
  userInputSchema,
  userPatchSchema,
} from '@/lib/access/schema';
import { beginInputSchema, connectionInputSchema } from '@/lib/credentials/schema';
import { limitInputSchema, limitRefSchema } from '@/lib/limits/schema';
import { documentInputSchema } from '@/lib/openapi/schema';
import {
  caseExportSchema,
  caseImportSchema,
  runQuerySchema,
  searchCaseInputSchema,
  searchCasePatchSchema,
  searchesQuerySchema,
} from '@/lib/quality/schema';
import { endpointQuerySchema, toolListPatchSchema, toolSearchSchema } from '@/lib/routing/schema';
import { groupOverlaySchema, serverOverlaySchema } from '@/lib/servers/curation/schema';
import {
  groupInputSchema,
  groupPatchSchema,
  importInputSchema,
  serverInputSchema,
  serverPatchSchema,
  serverTestInputSchema,
  toolApprovalSchema,
  toolCallInputSchema,
} from '@/lib/servers/schema';
import { auditExportSchema, auditQuerySchema, callQuerySchema } from '@/lib/telemetry/schema';
import { type AnswerName, answers } from './shapes';
import { signInBodies } from './sign-in-shapes';

const bodies = {
  ServerInput: serverInputSchema,
  ServerPatch: serverPatchSchema,
  ServerTestInput: serverTestInputSchema,
  GroupInput: groupInputSchema,
  ConnectionInput: connectionInputSchema,
  ConnectionBegin: beginInputSchema,
  GroupPatch: groupPatchSchema,
  DocumentInput: documentInputSchema,
  ToolApproval: toolApprovalSchema,
  ServerOverlay: serverOverlaySchema,
  GroupOverlay: groupOverlaySchema,
  ToolListPatch: toolListPatchSchema,
  ToolSearch: toolSearchSchema,
  SearchCaseInput: searchCaseInputSchema,
  SearchCasePatch: searchCasePatchSchema,
  CaseImport: caseImportSchema,
  ToolCallInput: toolCallInputSchema,
  ImportInput: importInputSchema,
  KeyInput: keyInputSchema,
  RoleInput: roleInputSchema,
  RolePatch: rolePatchSchema,
  RoleCopy: roleCopySchema,
  KeyRotation: keyRotationSchema,
  LimitInput: limitInputSchema,
  SetupInput: setupInputSchema,
  PasswordChange: passwordChangeSchema,
  OwnerProof: ownerProofSchema,
  PasswordReset: passwordResetSchema,
  FactorConfirm: factorConfirmSchema,
  UserInput: userInputSchema,
  UserPatch: userPatchSchema,
  InviteInput: inviteInputSchema,
  InviteAccept: inviteAcceptSchema,
  ...signInBodies,
} satisfies Record<string, z.ZodType>;

const page = z.object({
  limit: z.number().int().min(1).max(200).default(50).optional(),
  cursor: z.string().optional().meta({ description: 'nextCursor of the page before' }),
});
const logQuery = z.object({
  after: z.number().int().min(0).default(0).optional().meta({ description: 'Only lines with a higher seq' }),
  limit: z.number().int().min(1).max(1000).default(200).optional(),
});

interface Operation {
  summary: string;
  body?: keyof typeof bodies;
  isBodyOptional?: boolean;
  query?: z.ZodObject;
  /** Name of the answer's shape; none for 204. */
  answer?: AnswerName;
  /** Content types of an answer that is no JSON. */
  text?: string[];
  status?: 200 | 201 | 204;
  /** Answers with an ETag, or honours If-Match. */
  versioned?: 'etag' | 'if-match' | 'both';
  /** Statuses of problems beside 400, 401 and 503, which every operation can give. */
  problems?: number[];
  anonymous?: boolean;
}

const operate = (verb: string): Operation => ({
  summary: `${verb} a server`,
  answer: 'Server',
  versioned: 'etag',
  problems: [403, 404, 409],
});

export const operations: Record<string, Record<string, Operation>> = {
  '/api/v1/servers': {
    get: { summary: 'Servers that the caller may see', query: page, answer: 'ServerList' },
    post: {
      summary: 'Add a server and start it',
      body: 'ServerInput',
      answer: 'Server',
      status: 201,
      versioned: 'etag',
      problems: [403, 409],
    },
  },
  '/api/v1/servers/{name}': {
    get: { summary: 'One server', answer: 'Server', versioned: 'etag', problems: [404] },
    patch: {
      summary: 'Change a server by a JSON merge patch; env and headers are merged, a masked value keeps the stored one',
      body: 'ServerPatch',
      answer: 'Server',
      versioned: 'both',
      problems: [403, 404, 409, 412],
    },
    delete: { summary: 'Remove a server', status: 204, versioned: 'if-match', problems: [403, 404, 409, 412] },
  },
  '/api/v1/servers/{name}/start': { post: operate('Start') },
  '/api/v1/servers/{name}/stop': { post: operate('Stop') },
  '/api/v1/servers/{name}/restart': { post: operate('Restart') },
  '/api/v1/servers/{name}/tools/approve': {
    post: {
      summary: 'Take the present definitions of changed tools for good; each is named with its hash',
      body: 'ToolApproval',
      problems: [403, 404, 409],
    },
  },
  '/api/v1/servers/{name}/tools/{tool}/overlay': {
    get: {
      summary: 'What is changed about a tool before models see it, by its original name',
      answer: 'Overlay',
      versioned: 'etag',
      problems: [403, 404],
    },
    put: {
      summary: 'Change what models see of a tool; what is left out stays as the server says',
      body: 'ServerOverlay',
      answer: 'Overlay',
      versioned: 'both',
      problems: [403, 404, 409, 412],
    },
    delete: {
      summary: 'Show a tool as its server says again',
      status: 204,
      versioned: 'if-match',
      problems: [403, 404, 412],
    },
  },
  '/api/v1/servers/{name}/tools': {
    get: { summary: 'Tools of a server', query: page, answer: 'ToolList', problems: [404] },
  },
  '/api/v1/servers/{name}/logs': {
    get: { summary: 'Last lines of stderr', query: logQuery, answer: 'LogLines', problems: [403, 404] },
  },
  '/api/v1/servers/{name}/instances': {
    get: { summary: 'Running instances of a server', answer: 'InstanceList', problems: [404] },
  },
  '/api/v1/servers/{name}/report': {
    get: {
      summary: 'What a server offers and supports, how it starts, and what was noticed of it while it was used',
      answer: 'ServerReport',
      problems: [404],
    },
  },
  '/api/v1/servers/{name}/test': {
    post: {
      summary:
        'Test a server stage by stage on an instance of its own; with Accept: application/x-ndjson each line is the test so far',
      body: 'ServerTestInput',
      isBodyOptional: true,
      answer: 'ServerTest',
      problems: [403, 404, 409, 429],
    },
  },
  '/api/v1/tests': {
    post: {
      summary: 'Test settings of a server that are not saved',
      body: 'ServerInput',
      answer: 'ServerTest',
      problems: [403, 409, 429],
    },
  },
  '/api/v1/servers/{name}/document': {
    get: {
      summary: 'What the OpenAPI document of a server offers, and which of its operations are chosen',
      answer: 'DocumentReading',
      problems: [403, 404, 409],
    },
  },
  '/api/v1/servers/{name}/document/refresh': {
    post: {
      summary: 'Fetch the OpenAPI document of a server again, and tell how its tools differ',
      answer: 'DocumentChange',
      problems: [403, 404, 409, 412],
    },
  },
  '/api/v1/servers/{name}/connections': {
    get: {
      summary: 'Who has signed in to a server through the hub: the hub itself, and users; never with values',
      query: page,
      answer: 'StoredConnectionList',
      problems: [403, 404],
    },
  },
  '/api/v1/servers/{name}/connections/{id}': {
    delete: { summary: 'Take a stored sign-in of a server away', status: 204, problems: [403, 404] },
  },
  '/api/v1/connections': {
    get: {
      summary: 'The servers at which you sign in for yourself, and whether you have',
      query: page,
      answer: 'ConnectionList',
    },
  },
  '/api/v1/connections/{name}': {
    get: { summary: 'Your connection to a server', answer: 'Connection', problems: [404] },
    put: {
      summary: 'Enter your own keys for a server; they are stored sealed and not shown again',
      body: 'ConnectionInput',
      answer: 'Connection',
      problems: [403, 404, 409],
    },
    delete: { summary: 'Forget your connection to a server', status: 204, problems: [403, 404] },
  },
  '/api/v1/connections/{name}/begin': {
    post: {
      summary: 'Begin a sign-in at a server by OAuth: open the URL of the answer in a browser within ten minutes',
      body: 'ConnectionBegin',
      answer: 'ConnectionBegun',
      problems: [403, 404, 409, 502, 503],
    },
  },
  '/api/v1/openapi': {
    post: {
      summary: 'What an OpenAPI document offers, before it becomes a server; with include and exclude what they choose',
      body: 'DocumentInput',
      answer: 'DocumentReading',
      problems: [403],
    },
  },
  '/api/v1/settings/secrets/rotate': {
    post: {
      summary: 'Put all stored secrets under a new key, for administrators; no server restarts',
      answer: 'SecretsRotation',
      problems: [403],
    },
  },
  '/api/v1/settings/tool-list': {
    get: { summary: 'How /api/mcp lists its tools', answer: 'RootToolList', versioned: 'etag', problems: [403] },
    patch: {
      summary: 'Change it by a JSON merge patch',
      body: 'ToolListPatch',
      answer: 'RootToolList',
      versioned: 'both',
      problems: [403, 412],
    },
  },
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
  '/api/v1/groups': {
    get: { summary: 'Groups that the caller may see', query: page, answer: 'GroupList' },
    post: {
      summary: 'Add a group',
      body: 'GroupInput',
      answer: 'Group',
      status: 201,
      versioned: 'etag',
      problems: [403, 409],
    },
  },
  '/api/v1/groups/{name}': {
    get: { summary: 'One group', answer: 'Group', versioned: 'etag', problems: [404] },
    patch: {
      summary: 'Change a group by a JSON merge patch; servers and members are replaced whole',
      body: 'GroupPatch',
      answer: 'Group',
      versioned: 'both',
      problems: [403, 404, 409, 412],
    },
    delete: { summary: 'Remove a group', status: 204, versioned: 'if-match', problems: [403, 404, 412] },
  },
  '/api/v1/groups/{name}/tools': {
    get: {
      summary: 'Tools that a group offers, as its URL shows them before the name of the server is put in front',
      query: page,
      answer: 'GroupToolList',
      problems: [404],
    },
  },
  '/api/v1/groups/{name}/servers/{server}/tools/{tool}/overlay': {
    get: {
      summary: 'What is changed about a tool in a group, over the overlay of its server',
      answer: 'Overlay',
      versioned: 'etag',
      problems: [403, 404],
    },
    put: {
      summary: 'Change what models see of a tool in a group',
      body: 'GroupOverlay',
      answer: 'Overlay',
      versioned: 'both',
      problems: [403, 404, 409, 412],
    },
    delete: {
      summary: 'Show a tool in a group as on its server again',
      status: 204,
      versioned: 'if-match',
      problems: [403, 404, 412],
    },
  },
  '/api/v1/tools': {
    get: {
      summary: 'Tools that the caller may see',
      query: page.extend({ server: z.string().max(64).optional() }),
      answer: 'ToolList',
      problems: [404],
    },
  },
  '/api/v1/tools/call': {
    post: {
      summary: 'Run a tool',
      body: 'ToolCallInput',
      answer: 'ToolCallResult',
      problems: [403, 404, 429, 502, 504],
    },
  },
  '/api/v1/endpoints': {
    get: {
      summary:
        'The MCP endpoints that the caller may use: what it sees there, and what that takes of a model’s context',
      query: endpointQuerySchema,
      answer: 'EndpointList',
      problems: [404],
    },
  },
  '/api/v1/tools/cases': {
    get: {
      summary: 'The test set of the search for tools: requests with the tools that are right for them',
      query: page,
      answer: 'SearchCaseList',
      problems: [403],
    },
    post: {
      summary: 'Add a request to the test set',
      body: 'SearchCaseInput',
      answer: 'SearchCase',
      status: 201,
      versioned: 'etag',
      problems: [403, 409],
    },
  },
  '/api/v1/tools/cases/{id}': {
    get: { summary: 'One entry of the test set', answer: 'SearchCase', versioned: 'etag', problems: [403, 404] },
    patch: {
      summary: 'Change an entry by a JSON merge patch',
      body: 'SearchCasePatch',
      answer: 'SearchCase',
      versioned: 'both',
      problems: [403, 404, 409, 412],
    },
    delete: { summary: 'Remove an entry', status: 204, versioned: 'if-match', problems: [403, 404, 412] },
  },
  '/api/v1/tools/cases/import': {
    post: {
      summary: 'Add entries from lines of JSON or CSV, all or none; with dryRun only what would happen',
      body: 'CaseImport',
      answer: 'CaseImportAnswer',
      problems: [403],
    },
  },
  '/api/v1/tools/cases/export': {
    get: {
      summary: 'The test set as a file: a line of JSON per entry, or CSV',
      query: caseExportSchema,
      text: ['application/x-ndjson', 'text/csv'],
      problems: [403],
    },
  },
  '/api/v1/tools/runs': {
    get: { summary: 'Measurements of the search, newest first', query: page, answer: 'SearchRunList', problems: [403] },
    post: {
      summary:
        'Measure the search by the test set, over the tools that the caller sees; with Accept: application/x-ndjson the lines before the last tell how far it is',
      answer: 'SearchRun',
      problems: [403, 409, 429],
    },
  },
  '/api/v1/tools/runs/{id}': {
    get: {
      summary: 'One measurement with the rank of each entry, compared with the one before',
      query: runQuerySchema,
      answer: 'SearchRun',
      problems: [403, 404],
    },
  },
  '/api/v1/tools/searches': {
    get: {
      summary: 'What came of the latest searches for tools, of those whose calls the caller may see',
      query: searchesQuerySchema,
      answer: 'SearchList',
      problems: [403],
    },
  },
  '/api/v1/tools/searches/figures': {
    get: {
      summary: 'What came of the searches of the last 30 days, in figures',
      answer: 'SearchFigures',
      problems: [403],
    },
  },
  '/api/v1/tools/search': {
    post: {
      summary: 'Find the tools that a request in plain words is about, among those that the caller sees',
      body: 'ToolSearch',
      answer: 'ToolSearchAnswer',
      problems: [404, 429],
    },
  },
  '/api/v1/tools/search/status': {
    get: { summary: 'How tools are ranked now, and how many of them have a vector', answer: 'ToolSearchStatus' },
  },
  '/api/v1/import': {
    post: {
      summary: 'Import servers from the configuration of another MCP client; with dryRun only the plan',
      body: 'ImportInput',
      answer: 'ImportAnswer',
      problems: [403, 409],
    },
  },
  '/api/v1/calls': {
    get: { summary: 'The call log, newest first', query: callQuerySchema, answer: 'CallList', problems: [403] },
  },
  '/api/v1/audit': {
    get: {
      summary: 'Who changed what, newest first: every change, and every sign-in',
      query: auditQuerySchema,
      answer: 'AuditList',
      problems: [403],
    },
  },
  '/api/v1/audit/export': {
    get: {
      summary: 'The audit trail as a file, oldest first: a line of JSON per entry, or CSV',
      query: auditExportSchema,
      text: ['application/x-ndjson', 'text/csv'],
      problems: [403],
    },
  },
  '/api/v1/audit/verify': {
    get: {
      summary: 'Check that no entry of the audit trail was altered, removed or slipped in',
      answer: 'AuditVerdict',
      problems: [403],
    },
  },
  '/api/v1/hub': {
    get: { summary: 'Figures of the last 24 hours and of the worker', answer: 'Hub', problems: [403] },
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
  '/api/v1/limits': {
    get: { summary: 'Limits of calls', query: page, answer: 'LimitList', problems: [403] },
    put: {
      summary:
        'Limit the calls of a key or user, or to a server or tool; "*" for each of the kind without limits of its own',
      body: 'LimitInput',
      answer: 'Limit',
      versioned: 'both',
      problems: [403, 412],
    },
    delete: {
      summary: 'Take a limit away',
      query: limitRefSchema,
      status: 204,
      versioned: 'if-match',
      problems: [403, 404, 412],
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

type Json = Record<string, unknown>;

/** @param serverUrl the hub's public URL */
export function openApiDocument(serverUrl: string): Json {
  const schemas = Object.fromEntries([
    ...Object.entries(bodies).map(([name, schema]) => [name, schemaOf(schema, 'input')]),
    ...Object.entries(answers).map(([name, schema]) => [name, schemaOf(schema, 'output')]),
  ]);
  const paths = Object.fromEntries(
    Object.entries(operations).map(([path, methods]) => [
      path,
      Object.fromEntries(Object.entries(methods).map(([method, row]) => [method, operationOf(path, method, row)])),
    ]),
  );
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: 'MCPHub',
      version: '1',
      description: 'No right reads as 404, like absence. Unknown fields and parameters are refused.',
    },
    servers: [{ url: serverUrl }],
    security: [{ bearer: [] }, { browserSession: [] }],
    paths,
    components: {
      schemas,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'An API key' },
        browserSession: { type: 'apiKey', in: 'cookie', name: 'next-auth.session-token' },
      },
    },
  };
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}

function operationOf(path: string, method: string, row: Operation): Json {
  const { status = 200 } = row;
  return {
    operationId: operationId(path, method),
    summary: row.summary,
    ...(row.anonymous && { security: [] }),
    parameters: parametersOf(path, row),
    ...(row.body && {
      requestBody: {
        required: row.isBodyOptional !== true,
        content: { 'application/json': { schema: reference(row.body) } },
      },
    }),
    responses: {
      [status]: answerOf(row),
      ...Object.fromEntries(problemsOf(row).map((code) => [code, problemAnswer])),
    },
  };
}

function operationId(path: string, method: string): string {
  const words = path.replace('/api/v1/', '').split('/');
  return [method, ...words.map((word) => word.replace(/^\{(.*)\}$/, 'by-$1'))].join('-');
}

function parametersOf(path: string, { query, versioned }: Operation): Json[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const { properties = {}, required = [] } = query ? schemaOf(query, 'input') : {};
  const inQuery = Object.entries(properties as Json).map(([name, schema]) => ({
    name,
    in: 'query',
    required: (required as string[]).includes(name),
    schema,
  }));
  const ifMatch = { name: 'If-Match', in: 'header', required: false, schema: { type: 'string', examples: ['"3"'] } };
  return [...inPath, ...inQuery, ...(versioned === 'if-match' || versioned === 'both' ? [ifMatch] : [])];
}

function answerOf({ answer, text, versioned, status }: Operation): Json {
  const hasTag = versioned === 'etag' || versioned === 'both';
  return {
    description: status === 204 ? 'Done' : status === 201 ? 'Created' : 'OK',
    ...(hasTag && { headers: { ETag: { schema: { type: 'string' } } } }),
    ...(text && { content: Object.fromEntries(text.map((type) => [type, { schema: { type: 'string' } }])) }),
    ...(answer && { content: { 'application/json': { schema: reference(answer) } } }),
  };
}

/** Every operation can find its input, the caller's credential or the database wanting. */
function problemsOf({ problems = [], body }: Operation): number[] {
  return [...new Set([400, 401, 500, 503, ...(body ? [413, 415] : []), ...problems])].sort();
}

const problemAnswer = {
  description: 'Problem details (RFC 9457)',
  content: { 'application/problem+json': { schema: reference('Problem') } },
};

function reference(name: string): Json {
  return { $ref: `#/components/schemas/${name}` };
}
