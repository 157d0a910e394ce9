// Who offers tasks to whom. There are two kinds that share a name: those of sessions (2025-11-25, basic/utilities/tasks),
// and the extension io.modelcontextprotocol/tasks for requests without sessions (SEP-2663). Each is passed between
// sides of its own kind only.
import { HubError } from '../../../lib/errors';
import type { Definition, Listing } from '../../../lib/servers/catalog';
import { isObject } from '../stateless/envelope';

/** The only revision with tasks of the first kind. */
export const taskVersion = '2025-11-25';
const tasksExtension = 'io.modelcontextprotocol/tasks';

/** How a tool may be called: only as a task, also as one, or not as one. */
export type TaskSupport = 'required' | 'optional' | undefined;

type Capabilities = Record<string, unknown>;

/** Whether a server with sessions takes tools/call as a task. */
function takesCalls({ tasks }: Capabilities): boolean {
  const requests = isObject(tasks) ? tasks.requests : undefined;
  const tools = isObject(requests) ? requests.tools : undefined;
  return isObject(tools) && isObject(tools.call);
}

function hasExtension({ extensions }: Capabilities): boolean {
  return isObject(extensions) && isObject(extensions[tasksExtension]);
}

/** "Tool-Level Negotiation": what a tool says counts only where its server offers tasks. */
export function taskSupportOf({ capabilities }: Listing, { execution }: Definition): TaskSupport {
  const support = isObject(execution) ? execution.taskSupport : undefined;
  if ((support !== 'required' && support !== 'optional') || !takesCalls(capabilities)) return undefined;
  return support;
}

/**
 * The definition as clients see it. A tool that only runs as a task may be called either way here: the hub runs it as
 * one for those that do not. One whose server offers no tasks must not be called as one because another's may be.
 */
export function shownTool(definition: Definition, support: TaskSupport): Definition {
  const { execution } = definition;
  if (!isObject(execution) || support === 'optional') return definition;
  if (support === undefined && execution.taskSupport !== 'required' && execution.taskSupport !== 'optional') {
    return definition;
  }
  return { ...definition, execution: { ...execution, taskSupport: support ? 'optional' : 'forbidden' } };
}

/** What is offered over these servers, as members of the capabilities; null for a kind that none of them has. */
export interface TaskOffers {
  legacy: { tasks: Record<string, unknown> } | null;
  modern: { extensions: Record<string, unknown> } | null;
}

/**
 * "list" is never among them: servers are shared by callers, and after a start of the hub nobody knows any more whose
 * a task is that a server lists.
 */
export function taskOffersOf(listings: readonly Listing[]): TaskOffers {
  const cancels = listings.some(
    ({ capabilities }) => takesCalls(capabilities) && isObject(tasksOf(capabilities).cancel),
  );
  const runs = listings.some(({ capabilities }) => takesCalls(capabilities));
  return {
    legacy: runs ? { tasks: { ...(cancels && { cancel: {} }), requests: { tools: { call: {} } } } } : null,
    modern: listings.some(({ capabilities }) => hasExtension(capabilities))
      ? { extensions: { [tasksExtension]: {} } }
      : null,
  };
}

function tasksOf({ tasks }: Capabilities): Record<string, unknown> {
  return isObject(tasks) ? tasks : {};
}

/** @throws HubError MISSING_CLIENT_CAPABILITY where a request without a session does not declare the extension */
export function needExtension(capabilities: Capabilities): void {
  if (hasExtension(capabilities)) return;
  throw new HubError('MISSING_CLIENT_CAPABILITY', 'Tasks are for requests that declare the extension of that name.', {
    data: { requiredCapabilities: { extensions: { [tasksExtension]: {} } } },
  });
}

/** Capabilities without the extension, which the client of a session could not use. */
export function withoutExtension(capabilities: Capabilities): Capabilities {
  if (!isObject(capabilities.extensions) || !(tasksExtension in capabilities.extensions)) return capabilities;
  const { [tasksExtension]: _tasks, ...extensions } = capabilities.extensions;
  return { ...capabilities, extensions };
}
