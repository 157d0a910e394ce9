// How the hub or its users sign in to a server, and what is shown of it; safe in a browser.
import { z } from 'zod';

/** RFC 9110, 5.1. */
export const headerNameSchema = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'not a legal header name')
  .max(256);

const url = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).max(2048);

const oauthSchema = z.strictObject({
  kind: z.literal('oauth'),
  /** "hub": one sign-in for all callers; "user": each user signs in for itself. */
  per: z.enum(['hub', 'user']),
  /** What is asked for; without them what the server says that it needs. */
  scopes: z
    // RFC 6749, 3.3.
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/, 'a scope has no spaces, quotes or backslashes'))
    .max(64)
    .refine((all) => new Set(all).size === all.length, 'names a scope twice')
    .optional(),
  /** Of a client that was registered by hand; without it the hub registers itself. */
  clientId: z.string().min(1).max(2048).optional(),
  /** Kept sealed, or `${NAME}` of the server's secrets. Absent for a public client. */
  clientSecret: z.string().max(8192).optional(),
  /** The only authorization server to be used; without it the one that the server names. */
  issuer: url.optional(),
});

export const credentialFieldSchema = z.strictObject({
  /** Under which the value is stored and sent to the REST API. */
  name: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, 'use 1 to 64 letters, digits, "_" or "-", beginning with a letter'),
  /** What people are asked for. */
  label: z.string().trim().min(1, 'say what people shall enter').max(120),
  /** Of a remote server: the header that carries the value. */
  header: headerNameSchema.optional(),
  /** Of a program: the variable that holds the value. */
  env: z.string().min(1).max(256).optional(),
  /** Stands before the value in the header. */
  prefix: z.literal('Bearer ').optional(),
});
export type CredentialField = z.infer<typeof credentialFieldSchema>;

export const credentialFieldsMax = 16;

const staticSchema = z.strictObject({
  kind: z.literal('static'),
  per: z.literal('user'),
  fields: z.array(credentialFieldSchema).min(1, 'name at least one field').max(credentialFieldsMax),
});

/** The setting `credential` of a server. */
export const credentialSettingSchema = z.discriminatedUnion('kind', [oauthSchema, staticSchema]);
export type CredentialSetting = z.infer<typeof credentialSettingSchema>;
export type OAuthSetting = z.infer<typeof oauthSchema>;
export type StaticSetting = z.infer<typeof staticSchema>;

/** Of one value that a user enters. */
const credentialValueMaxChars = 8192;

/** Body of PUT /api/v1/connections/{name}: values by the name of their field; one that is left out stays as it is. */
export const connectionInputSchema = z.strictObject({
  values: z.record(
    z.string().min(1).max(64),
    z.string().min(1, 'must not be empty').max(credentialValueMaxChars, 'is too long'),
  ),
});
export type ConnectionInput = z.infer<typeof connectionInputSchema>;

/** Body of POST /api/v1/connections/{name}/begin. */
export const beginInputSchema = z.strictObject({
  /** Whose sign-in it is: the own one, or the one that all callers share. */
  for: z.enum(['user', 'hub']).default('user'),
});
export type BeginInput = z.input<typeof beginInputSchema>;

/** What a browser comes back with from a sign-in (RFC 6749, 4.1.2; RFC 9207). */
export const signInAnswerSchema = z.strictObject({
  state: z.string().min(1).max(512),
  code: z.string().max(8192).optional(),
  iss: z.string().max(2048).optional(),
  error: z.string().max(512).optional(),
  errorDescription: z.string().max(4096).optional(),
});
export type SignInAnswer = z.infer<typeof signInAnswerSchema>;

/** `failed`: something is stored that does not work any more, for the reason given. */
export const connectionStates = ['connected', 'missing', 'failed'] as const;
export type ConnectionState = (typeof connectionStates)[number];

/** How a server is signed in to with the own connection, or with the one that all callers share. */
export interface ConnectionView {
  server: string;
  description: string;
  per: CredentialSetting['per'];
  kind: CredentialSetting['kind'];
  /** Host and port that the hub will send it to; null for a program, which the hub runs itself. */
  host: string | null;
  state: ConnectionState;
  /** A plain sentence; null while it is connected. */
  reason: string | null;
  /** What is asked for, of static values; `stored`: a value is there. */
  fields: { name: string; label: string; stored: boolean }[];
  /** What the authorization server granted. */
  scopes: string[];
  issuer: string | null;
  /** RFC 3339; null while nothing is stored. */
  since: string | null;
  lastUsedAt: string | null;
}

/** What is stored of a server's sign-ins, for those who manage it. Values are never shown. */
export interface StoredConnectionView {
  id: string;
  /** Null: the hub's own, which all callers share. */
  user: string | null;
  kind: CredentialSetting['kind'];
  state: Exclude<ConnectionState, 'missing'>;
  reason: string | null;
  scopes: string[];
  issuer: string | null;
  since: string;
  lastUsedAt: string | null;
}
