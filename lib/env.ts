// The only reader of process.env. parseEnv is pure; env() is read at start of a program, not at import, so that
// `next build` needs no settings and all faults are printed at once.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { readAllowedHosts } from './allowed-hosts';
import { basePathOf, isPlainPath } from './base-path';
import { readEgress } from './egress';
import { singleton } from './singleton';
import { readTrustedProxies } from './trusted-proxies';

const port = z.coerce.number().int().min(1).max(65535);
const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });
/** Of somebody whose word on who a person is counts: what comes from there must not be another's (OpenID Connect Core, 3.1.2.1). */
const trustedUrl = httpUrl.refine(
  (text) => {
    if (!URL.canParse(text)) return true; // told above
    const { protocol, hostname } = new URL(text);
    return protocol === 'https:' || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
  },
  { error: 'must be https; http is for this machine alone' },
);
const clientId = z.string().trim().min(1).max(500);
const clientSecret = z.string().min(1).max(2000);

/** What OAuth takes for addresses of others: https, and plain http on this machine alone. */
export function isSecureUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || (protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname));
}

/** Takes the faults of a setting from its reader. */
function tellFaults(read: (text: string) => { faults: string[] } | object) {
  return (text: string, { addIssue }: { addIssue(message: string): void }) => {
    const result = read(text);
    for (const fault of 'faults' in result ? (result.faults as string[]) : []) addIssue(fault);
  };
}

/** Every setting, its default and its meaning. `.env.example` and the README table name the same keys. */
export const envSchema = z.object({
  PORT: port.default(3000).describe('The one public port'),
  HOST: z.string().default('127.0.0.1').describe('Address to listen on'),
  MCPHUB_DATA_DIR: z
    .string()
    .default('./data')
    .describe('Database, keys and sockets of this hub; created with mode 0700'),
  MCPHUB_CONFIG: z.string().optional().describe('Servers file in mcpServers format; ./mcp.json is used when it exists'),
  MCPHUB_PUBLIC_URL: httpUrl
    .refine(
      (text) => isPlainPath(basePathOf(text)),
      'its path may hold letters, digits and . _ ~ - between its slashes',
    )
    .optional()
    .describe('URL under which browsers and clients reach the hub; default http://HOST:PORT'),
  MCPHUB_ALLOWED_HOSTS: z
    .string()
    .default('')
    .superRefine(tellFaults(readAllowedHosts))
    .describe('Further hosts under which the hub is reached, comma-separated; a port or https:// may be named'),
  MCPHUB_TRUSTED_PROXIES: z
    .string()
    .default('')
    .superRefine(tellFaults(readTrustedProxies))
    .describe('Addresses and CIDRs of proxies whose X-Forwarded-For names the caller, comma-separated; default: none'),
  MCPHUB_ADMIN_USERNAME: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .describe('First admin, created at start while no user exists'),
  MCPHUB_ADMIN_PASSWORD: z
    .string()
    .min(12, 'must have at least 12 characters')
    .optional()
    .describe('Password of the first admin, 12 characters or more'),
  MCPHUB_BOOTSTRAP_API_KEY: z
    .string()
    .min(32, 'must have at least 32 characters')
    .regex(/^[\x21-\x7e]+$/, 'must consist of visible ASCII characters')
    .optional()
    .describe('An API key of the first admin, for automation; 32 characters or more'),
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' })
    .optional()
    .describe('External Postgres 14 or newer; unset means the embedded database'),
  REDIS_URL: z
    .url({ protocol: /^rediss?$/, error: 'must be a redis:// or rediss:// URL' })
    .optional()
    .describe('Redis for the shared cache and for events between processes'),
  UPSTASH_REDIS_REST_URL: httpUrl.optional().describe('Upstash REST endpoint, a shared cache without REDIS_URL'),
  UPSTASH_REDIS_REST_TOKEN: z.string().min(1).optional().describe('Token for UPSTASH_REDIS_REST_URL'),
  MCPHUB_MASTER_KEY: z.string().optional().describe('32 bytes in base64; default: generated in the data directory'),
  MCPHUB_PREVIOUS_MASTER_KEY: z
    .string()
    .optional()
    .describe('The master key before a change of it, for one start: stored secrets move under the new one'),
  MCPHUB_EGRESS: z
    .string()
    .default('private-allowed')
    .superRefine(tellFaults(readEgress))
    .describe('private-allowed, public-only, or a comma-separated list of CIDRs and hosts'),
  MCPHUB_OAUTH_ISSUER: z
    .url({ protocol: /^https?$/, error: 'must be an https URL' })
    .refine(isSecureUrl, 'must be an https URL; plain http is for this machine alone')
    .optional()
    .describe('Issuer whose access tokens MCP clients bring, in the place of those of the hub itself'),
  MCPHUB_OAUTH_AUDIENCE: z
    .string()
    .max(512)
    .optional()
    .describe('Audience of its tokens; default: the URL of an MCP endpoint'),
  MCPHUB_OAUTH_USER_CLAIM: z
    .string()
    .max(64)
    .optional()
    .describe('Claim of its tokens that is the user name here; default: issuer and subject, as known from a sign-in'),
  MCPHUB_WORKERS: z.coerce
    .number()
    .int()
    .min(1)
    .max(64)
    .default(1)
    .describe('Worker processes that share the port and the servers'),
  MCPHUB_ANONYMOUS_PER_MINUTE: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .default(120)
    .describe('Requests in a minute from one address without a credential, where an endpoint is open to everybody'),
  MCPHUB_PASSWORD_SIGN_IN: z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .default('true')
    .describe('Whether people sign in with a password; false takes a sign-in provider'),
  MCPHUB_OIDC_ISSUER: trustedUrl.optional().describe('Sign-in by OpenID Connect: the issuer, an https URL'),
  MCPHUB_OIDC_CLIENT_ID: clientId.optional().describe('The client id that the issuer gave the hub'),
  MCPHUB_OIDC_CLIENT_SECRET: clientSecret.optional().describe('The client secret that the issuer gave the hub'),
  MCPHUB_OIDC_NAME: z
    .string()
    .trim()
    .min(1)
    .max(40)
    .default('single sign-on')
    .describe('What the button on the sign-in page calls it'),
  MCPHUB_OIDC_SCOPES: z
    .string()
    .regex(/^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/, 'must be scopes with one space between them')
    .default('openid profile email')
    .describe('The scopes that are asked for'),
  MCPHUB_GITHUB_CLIENT_ID: clientId.optional().describe('Sign-in with GitHub: the client id of the OAuth app'),
  MCPHUB_GITHUB_CLIENT_SECRET: clientSecret.optional().describe('The client secret of the OAuth app'),
  MCPHUB_GITHUB_URL: trustedUrl.default('https://github.com').describe('Another URL for GitHub Enterprise Server'),
  MCPHUB_GOOGLE_CLIENT_ID: clientId.optional().describe('Sign-in with Google: the client id'),
  MCPHUB_GOOGLE_CLIENT_SECRET: clientSecret.optional().describe('The client secret for Google'),
  MCPHUB_EMBEDDINGS_URL: httpUrl
    .optional()
    .describe('OpenAI-compatible service of embeddings, such as https://api.openai.com/v1; unset: words alone rank'),
  MCPHUB_EMBEDDINGS_MODEL: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('Model of the embeddings; another one has all tools embedded again'),
  MCPHUB_EMBEDDINGS_API_KEY: z
    .string()
    .regex(/^[\x21-\x7e]{1,4000}$/, 'must consist of visible ASCII characters')
    .optional()
    .describe('Key for the service of embeddings, where it wants one'),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('Least level of log lines'),
});

/** Settings that hold a secret may come from a file instead: `<NAME>_FILE` holds its path. */
export const fileSettings = [
  'MCPHUB_ADMIN_PASSWORD',
  'MCPHUB_BOOTSTRAP_API_KEY',
  'DATABASE_URL',
  'REDIS_URL',
  'UPSTASH_REDIS_REST_TOKEN',
  'MCPHUB_MASTER_KEY',
  'MCPHUB_PREVIOUS_MASTER_KEY',
  'MCPHUB_OIDC_CLIENT_SECRET',
  'MCPHUB_GITHUB_CLIENT_SECRET',
  'MCPHUB_GOOGLE_CLIENT_SECRET',
  'MCPHUB_EMBEDDINGS_API_KEY',
] as const;

export interface Env extends Omit<z.infer<typeof envSchema>, 'MCPHUB_PUBLIC_URL'> {
  /** Without a slash at its end. */
  MCPHUB_PUBLIC_URL: string;
}

export class EnvError extends Error {
  override readonly name = 'EnvError';
  readonly faults: string[];

  constructor(faults: string[]) {
    super(`The settings are not usable:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

/**
 * Checks and completes the settings in `source`.
 * @param readFile reads the file that a `*_FILE` setting names
 * @throws EnvError with one sentence per fault
 */
export function parseEnv(
  source: Record<string, string | undefined>,
  readFile = (path: string) => readFileSync(path, 'utf8'),
): Env {
  const faults: string[] = [];
  const values: Record<string, string> = {};
  for (const key of Object.keys(envSchema.shape)) {
    const value = source[key];
    if (value !== undefined && value !== '') values[key] = value;
  }
  for (const key of fileSettings) {
    const path = source[`${key}_FILE`];
    if (!path) continue;
    // A deployment may mount the file over an older setting: for the master key the file decides.
    if (values[key] !== undefined && key !== 'MCPHUB_MASTER_KEY') {
      faults.push(`${key} and ${key}_FILE are both set: keep one of them`);
      continue;
    }
    try {
      values[key] = readFile(path).trim();
    } catch (error) {
      faults.push(`${key}_FILE: cannot read ${path} (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
    }
  }
  const parsed = envSchema.safeParse(values);
  if (!parsed.success) faults.push(...parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
  if (Boolean(values.MCPHUB_ADMIN_USERNAME) !== Boolean(values.MCPHUB_ADMIN_PASSWORD)) {
    faults.push('MCPHUB_ADMIN_USERNAME and MCPHUB_ADMIN_PASSWORD belong together: set both or none');
  }
  if (values.MCPHUB_BOOTSTRAP_API_KEY && !values.MCPHUB_ADMIN_USERNAME) {
    faults.push('MCPHUB_BOOTSTRAP_API_KEY needs an owner: set MCPHUB_ADMIN_USERNAME and MCPHUB_ADMIN_PASSWORD too');
  }
  if (Boolean(values.UPSTASH_REDIS_REST_URL) !== Boolean(values.UPSTASH_REDIS_REST_TOKEN)) {
    faults.push('UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN belong together: set both or none');
  }
  for (const key of ['MCPHUB_OAUTH_AUDIENCE', 'MCPHUB_OAUTH_USER_CLAIM'] as const) {
    if (values[key] && !values.MCPHUB_OAUTH_ISSUER)
      faults.push(`${key} is about the tokens of MCPHUB_OAUTH_ISSUER: set it too`);
  }
  if (Boolean(values.MCPHUB_EMBEDDINGS_URL) !== Boolean(values.MCPHUB_EMBEDDINGS_MODEL)) {
    faults.push('MCPHUB_EMBEDDINGS_URL and MCPHUB_EMBEDDINGS_MODEL belong together: set both or none');
  }
  if (values.MCPHUB_EMBEDDINGS_API_KEY && !values.MCPHUB_EMBEDDINGS_URL) {
    faults.push('MCPHUB_EMBEDDINGS_API_KEY is for the service at MCPHUB_EMBEDDINGS_URL: set it too');
  }
  faults.push(...signInFaults(values));
  for (const key of ['MCPHUB_MASTER_KEY', 'MCPHUB_PREVIOUS_MASTER_KEY'] as const) {
    const fault = values[key] ? masterKeyFault(values[key]) : null;
    // A guessable key is one to change, so it may be the previous one.
    const isLeaving = key === 'MCPHUB_PREVIOUS_MASTER_KEY' && fault === guessableKey;
    if (fault && !isLeaving) faults.push(`${key} ${fault}`);
  }
  if (!parsed.success || faults.length > 0) throw new EnvError(faults);
  const { HOST, PORT, MCPHUB_PUBLIC_URL, MCPHUB_DATA_DIR } = parsed.data;
  const shownHost = HOST === '0.0.0.0' || HOST === '::' ? 'localhost' : HOST.includes(':') ? `[${HOST}]` : HOST;
  return {
    ...parsed.data,
    MCPHUB_DATA_DIR: resolve(MCPHUB_DATA_DIR),
    MCPHUB_PUBLIC_URL: (MCPHUB_PUBLIC_URL ?? `http://${shownHost}:${PORT}`).replace(/\/+$/, ''),
  };
}

/** What belongs together to sign in at a provider. */
const providerSettings = [
  ['MCPHUB_OIDC_ISSUER', 'MCPHUB_OIDC_CLIENT_ID', 'MCPHUB_OIDC_CLIENT_SECRET'],
  ['MCPHUB_GITHUB_CLIENT_ID', 'MCPHUB_GITHUB_CLIENT_SECRET'],
  ['MCPHUB_GOOGLE_CLIENT_ID', 'MCPHUB_GOOGLE_CLIENT_SECRET'],
];

function signInFaults(values: Record<string, string>): string[] {
  const isSet = (name: string) => Boolean(values[name]);
  const faults = providerSettings
    .filter((names) => names.some(isSet) && !names.every(isSet))
    .map((names) => `${names.slice(0, -1).join(', ')} and ${names.at(-1)} belong together: set all or none`);
  if (values.MCPHUB_PASSWORD_SIGN_IN === 'false' && !providerSettings.some((names) => names.every(isSet))) {
    faults.push('MCPHUB_PASSWORD_SIGN_IN=false would leave no way to sign in: set up a sign-in provider first');
  }
  return faults;
}

const keyMaker = 'make one with: openssl rand -base64 32';
const guessableKey = `is guessable: ${keyMaker}`;

/** Why a text is no master key; null if it is one. Typed text, repetitions and sequences are 32 bytes that anybody may try. */
export function masterKeyFault(text: string): string | null {
  const key = Buffer.from(text, 'base64');
  const isBase64 = /^[A-Za-z0-9+/_-]*={0,2}$/.test(text);
  if (!isBase64 || key.length !== 32) return `must be 32 bytes in base64, not ${key.length}: ${keyMaker}`;
  const isTyped = key.every((byte) => byte >= 0x20 && byte < 0x7f);
  const steps = new Set(key.subarray(1).map((byte, at) => byte - (key[at] ?? 0)));
  return isTyped || steps.size === 1 || new Set(key).size < 8 ? guessableKey : null;
}

/** The settings of this process, read once. @throws EnvError */
export function env(): Env {
  return singleton('env', () => parseEnv(process.env));
}

/** sockaddr_un holds 108 bytes including the NUL; some systems hold 104. */
const socketPathMaxBytes = 100;

/**
 * The folder of this hub's unix sockets: `run` in the data directory, or, where that path is too long for a socket, a
 * folder in the system's temporary directory named by a hash of it. Not created here.
 */
export function runtimeDir(dataDir: string): string {
  const inside = join(dataDir, 'run');
  if (Buffer.byteLength(join(inside, '.s.PGSQL.5432')) <= socketPathMaxBytes) return inside;
  return join(tmpdir(), `mcphub-${createHash('sha256').update(dataDir).digest('hex').slice(0, 12)}`);
}

/** Unix sockets between the programs of one hub, by purpose. */
export function socketPaths(dataDir: string): {
  databaseDir: string;
  worker: string;
  /** Of one worker among several, by its number; `worker` then leads to one of them. */
  workerNumber(number: string): string;
} {
  const dir = runtimeDir(dataDir);
  return {
    databaseDir: dir,
    worker: join(dir, 'worker.sock'),
    workerNumber: (number) => join(dir, `worker-${number}.sock`),
  };
}
