// The shapes of requests, by the names that the document has for them.
import type { z } from 'zod';
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
import { limitInputSchema } from '@/lib/limits/schema';
import { documentInputSchema } from '@/lib/openapi/schema';
import { caseImportSchema, searchCaseInputSchema, searchCasePatchSchema } from '@/lib/quality/schema';
import { toolListPatchSchema, toolSearchSchema } from '@/lib/routing/schema';
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
import { signInBodies } from './sign-in-shapes';

export const bodies = {
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
