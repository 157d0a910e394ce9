// Carries calls out: arguments checked, request made, credentials added, sent, answer turned into a result.
import type { HubError } from '../../../lib/errors';
import type { OpenApiSettings } from '../../../lib/openapi/schema';
import { type ArgumentCheck, createAnswerCheck, createArgumentCheck } from '../../argument-check';
import type { Egress } from '../egress';
import { reservedHeaders } from '../http';
import { parseUrl, statusError } from '../http-faults';
import type { UpstreamTarget } from '../types';
import { createHttpClient, type HttpAnswer } from './client';
import { createCredentials } from './credentials';
import type { DocumentPlan, OperationPlan } from './model';
import { build, prepare } from './request';
import { resultOf, type ToolResult } from './result';
import { ValueFault } from './serialize';

/** What a base address says is of no interest beyond its status. */
const reachMaxBytes = 1024 * 1024;

export interface ApiOptions {
  target: UpstreamTarget;
  settings: OpenApiSettings;
  egress: Egress;
  plan: DocumentPlan;
  operations: readonly OperationPlan[];
  /** Where paths begin. Credentials go to this origin only. */
  base: URL;
  userAgent: string;
  maxBytes: number;
}

export interface RunOptions {
  signal: AbortSignal;
  heard(): void;
}

export interface Api {
  operation(tool: string): OperationPlan | undefined;
  /** Why a tool cannot be called here, or null. */
  faultOf(tool: string): string | null;
  /**
   * Asks whether the API is there: any answer of its base address below 500 says so, without credentials.
   * @throws HubError as HttpClient.request does, UPSTREAM_UNAVAILABLE for 500 and above
   */
  reach(signal: AbortSignal): Promise<void>;
  /** @throws HubError as HttpClient.request does; what the API itself refuses is a result */
  run(operation: OperationPlan, args: Record<string, unknown>, options: RunOptions): Promise<ToolResult>;
  close(): Promise<void>;
}

interface Checks {
  args: ArgumentCheck;
  answer: ((value: unknown) => boolean) | undefined;
}

export function createApi({ target, settings, egress, plan, operations, base, userAgent, maxBytes }: ApiOptions): Api {
  const client = createHttpClient({ server: target.name, egress, tls: target.tls, tlsOrigin: base.origin });
  const credentials = createCredentials({
    server: target.name,
    auth: settings.auth ?? {},
    schemes: plan.schemes,
    client,
    base: parseUrl(settings.documentUrl ?? '') ?? base,
  });
  const byTool = new Map(operations.map((operation) => [operation.tool.name, operation]));
  const checks = new WeakMap<OperationPlan, Checks>();
  const headers = Object.fromEntries(
    Object.entries(target.headers)
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => !reservedHeaders.has(name) || name === 'accept'),
  );

  function checksOf(operation: OperationPlan): Checks {
    const known = checks.get(operation);
    if (known) return known;
    const { inputSchema, outputSchema } = operation.tool;
    const made: Checks = {
      args: createArgumentCheck(inputSchema),
      answer: outputSchema && createAnswerCheck(outputSchema),
    };
    checks.set(operation, made);
    return made;
  }

  function baseOf({ server }: OperationPlan): URL | null {
    if (server === null) return base;
    const own = parseUrl(server, base);
    return own?.origin === base.origin ? own : null;
  }

  async function send(
    operation: OperationPlan,
    args: Record<string, unknown>,
    from: URL,
    { signal, heard }: RunOptions,
  ): Promise<{ answer: HttpAnswer; path: string }> {
    const prepared = prepare(operation, args);
    for (let attempt = 0; ; attempt += 1) {
      const added = await credentials.for(operation.security, signal);
      const request = build(operation, prepared, added, { base: from, headers, userAgent });
      const answer = await client.request(from, { ...request, maxBytes, signal, heard });
      const isStale = answer.status === 401 && added.tokens.length > 0;
      if (isStale) credentials.refused(added);
      if (!isStale || attempt > 0) return { answer, path: request.path };
    }
  }

  return {
    operation: (tool) => byTool.get(tool),
    faultOf(tool) {
      const operation = byTool.get(tool);
      if (!operation || baseOf(operation)) return null;
      return `It is served from ${operation.server}: add a server of its own with that base URL.`;
    },
    async reach(signal) {
      const path = base.pathname + base.search;
      const request = { path, headers: { ...headers, 'user-agent': userAgent }, maxBytes: reachMaxBytes, signal };
      // Not every API knows HEAD.
      const first = await client.request(base, { ...request, method: 'HEAD' });
      if (first.status < 500) return;
      const { status } = await client.request(base, { ...request, method: 'GET' });
      if (status >= 500) throw statusError(target.name, status);
    },
    async run(operation, args, options) {
      const check = checksOf(operation);
      const faults = check.args(args);
      if (faults) return refused(faults);
      const from = baseOf(operation);
      if (!from) return refused([`This operation is not at ${base.origin}, where the server's calls go.`]);
      try {
        const { answer, path } = await send(operation, args, from, options);
        const uri = `${from.origin}${path.split('?')[0]}`;
        return resultOf(answer, { fits: check.answer, uri });
      } catch (error) {
        if (error instanceof ValueFault) return refused([`${error.pointer || '(arguments)'}: ${error.message}.`]);
        throw error as HubError;
      }
    },
    close: client.close,
  };
}

/** Nothing was sent: the model can mend its arguments. */
function refused(faults: string[]): ToolResult {
  return {
    content: [{ type: 'text', text: `The arguments do not fit this tool, nothing was sent. ${faults.join(' ')}` }],
    isError: true,
  };
}
