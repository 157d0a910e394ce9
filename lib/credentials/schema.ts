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
