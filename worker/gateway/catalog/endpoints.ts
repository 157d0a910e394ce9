// The endpoints that exist: servers, groups and who contains what, with the questions for `can` made ready. Knows no
// caller; the view of a caller is made from this in view.ts.
import type { Resource } from '../../../lib/access/can';
import { smartKeyOf } from '../../../lib/access/endpoints';
import { type PinnedTool, type ToolList, toolListDefaults } from '../../../lib/routing/schema';
import type { EndpointRows } from '../../../lib/servers/catalog';
import type { GroupOverlay, ServerOverlay } from '../../../lib/servers/curation/schema';
import { choiceOf, offers, type ToolChoice } from '../../../lib/servers/tool-choice';

export interface ServerNode {
  id: string;
  name: string;
  enabled: boolean;
  prefix: 'always' | 'never';
  timeoutMs: number | null;
  /** Calls at once and waiting; null: as many as servers get by default. */
  concurrentCalls: number | null;
  queuedCalls: number | null;
  /** Whether what is safe to repeat is sent once more when its connection broke. */
  repeatSafeCalls: boolean;
  /** For `can`: the server itself. */
  resource: Resource;
  /**
   * For `can`: a tool of it, and whether its server says that it changes nothing; an overlay that says it does change
   * something is believed too. A group that offers single tools offers those alone.
   */
  toolResource(tool: string, readOnly: boolean): Resource;
  /** For `can`: what comes with the server as a whole (resources, prompts), which only reads. */
  wholeResource: Resource;
  /** Original names of tools that an administrator switched off. */
  disabledTools: ReadonlySet<string>;
  /** What is changed about its tools before anybody sees them, by original names. */
  overlays: ReadonlyMap<string, ServerOverlay>;
  /** Hash that each tool has to have, where changed ones are held; a tool without one was not seen before. */
  pins: ReadonlyMap<string, string> | null;
}

export interface EndpointMember {
  server: ServerNode;
  tools: ToolChoice;
  /** What this endpoint changes about them, over the overlays of the server; null: nothing. */
  overlays: ReadonlyMap<string, GroupOverlay> | null;
}

/** How an endpoint lists its tools, with the tools that are pinned there. */
export interface ToolListRule extends Omit<ToolList, 'pinned'> {
  pinned: readonly PinnedTool[];
}

/** One URL of the gateway. */
export interface Endpoint {
  /** Lower-case name; "" is the endpoint over everything. Sessions are bound to it. */
  key: string;
  kind: 'all' | 'server' | 'group';
  /** As an administrator wrote it. */
  name: string;
  prefix: 'always' | 'never';
  /** For `can`; null where no right beyond a credential is needed. */
  resource: Resource | null;
  /** Oldest server first. */
  members: readonly EndpointMember[];
  toolList: ToolListRule;
  /** Its path begins with `$smart`: it lists a search among its tools, and what is not listed is run through that alone. */
  isSmart?: true;
}

export interface Endpoints {
  byKey: ReadonlyMap<string, Endpoint>;
  servers: ReadonlyMap<string, ServerNode>;
}

/** How an endpoint presents itself: the `serverInfo` of both eras. */
export function serverInfoOf({ kind, name, isSmart }: Endpoint, version: string): Record<string, string> {
  if (isSmart) {
    const of = kind === 'all' ? '' : `: ${name}`;
    return { name: `mcphub/$smart${of && `/${name}`}`, title: `MCPHub, smart routing${of}`, version };
  }
  if (kind === 'all') return { name: 'mcphub', title: 'MCPHub', version };
  return { name: `mcphub/${name}`, title: `MCPHub: ${name}`, version };
}

/** The key of `/api/mcp`. No server or group can have the empty name. */
export const allKey = '';

export function buildEndpoints({ servers, groups, toolList }: EndpointRows): Endpoints {
  const nodes = new Map<string, ServerNode>();
  for (const row of servers) {
    const offered = groups.flatMap(({ id, name, anonymous, servers: members }) =>
      members
        .filter((member) => member.serverId === row.id)
        .map((member) => ({ id, name, open: anonymous, tools: choiceOf(member) })),
    );
    const base = { ownerId: row.ownerId, server: row.name, open: row.anonymous };
    const { ownerId, name: server, anonymous: open } = row;
    const groupsOf = groupsOfTools(offered);
    const overlays = new Map(Object.entries(row.overlays));
    const namesWhere = (holds: (overlay: ServerOverlay) => boolean) =>
      new Set([...overlays].flatMap(([tool, overlay]) => (holds(overlay) ? [tool] : [])));
    const writing = namesWhere(({ annotations }) => annotations?.readOnlyHint === false);
    nodes.set(row.id, {
      id: row.id,
      name: row.name,
      enabled: row.enabled,
      prefix: row.prefix,
      timeoutMs: row.timeoutMs,
      concurrentCalls: row.limits.concurrentCalls ?? null,
      queuedCalls: row.limits.queuedCalls ?? null,
      repeatSafeCalls: row.repeatSafeCalls,
      disabledTools: namesWhere(({ enabled }) => enabled === false),
      overlays,
      pins: row.pins && new Map(Object.entries(row.pins)),
      resource: { ...base, type: 'server', groups: offered.map(groupOf) },
      toolResource: (tool, readOnly) => ({
        type: 'tool',
        ownerId,
        server,
        open,
        tool,
        readOnly: readOnly && !writing.has(tool),
        groups: groupsOf(tool),
      }),
      wholeResource: {
        ...base,
        type: 'tool',
        tool: '*',
        readOnly: true,
        groups: offered.filter(({ tools }) => !tools).map(groupOf),
      },
    });
  }
  const all = [...nodes.values()].map((server) => ({ server, tools: null, overlays: null }));
  const ownRules = new Map(
    servers.map(({ id, toolList: { pinned = [], ...own } = {} }): [string, ToolListRule] => [
      id,
      ruleOf({ ...own, pinned: pinned.map((tool) => ({ serverId: id, tool })) }),
    ]),
  );
  const byKey = new Map<string, Endpoint>([
    [
      allKey,
      {
        key: allKey,
        kind: 'all',
        name: '',
        prefix: 'always',
        resource: null,
        members: all,
        toolList: ruleOf(toolList),
      },
    ],
  ]);
  for (const member of all) {
    const { id, name, prefix } = member.server;
    const key = name.toLowerCase();
    const resource = onItsOwn(member.server.resource);
    byKey.set(key, {
      key,
      kind: 'server',
      name,
      prefix,
      resource,
      members: [member],
      toolList: ownRules.get(id) ?? ruleOf({}),
    });
  }
  for (const { id, name, prefix, anonymous, ownerId, servers: chosen, toolList: stored } of groups) {
    const key = name.toLowerCase();
    const members = all.flatMap(({ server }) => {
      const choice = chosen.find((entry) => entry.serverId === server.id);
      if (!choice) return [];
      const overlays = choice.overlays ? new Map(Object.entries(choice.overlays)) : null;
      return [{ server, tools: choiceOf(choice), overlays }];
    });
    const resource: Resource = { type: 'group', ownerId, open: anonymous, groups: [{ id, name }] };
    byKey.set(key, { key, kind: 'group', name, prefix, resource, members, toolList: ruleOf(stored) });
  }
  for (const endpoint of [...byKey.values()]) {
    const key = smartKeyOf(endpoint.key);
    byKey.set(key, { ...endpoint, key, toolList: { ...endpoint.toolList, mode: 'smart' }, isSmart: true });
  }
  return { byKey, servers: nodes };
}

function ruleOf(stored: Partial<ToolListRule> = {}): ToolListRule {
  return { ...toolListDefaults, pinned: [], ...stored };
}

interface Offer {
  id: string;
  name: string;
  open: boolean;
  tools: ToolChoice;
}

function groupOf({ id, name, open }: Offer): { id: string; name: string; open: boolean } {
  return { id, name, open };
}

/** A server whose open groups open only their own URLs: its own URL is opened by itself. */
function onItsOwn({ groups = [], ...resource }: Resource): Resource {
  return { ...resource, groups: groups.map(({ id, name }) => ({ id, name })) };
}

/**
 * The groups that offer a tool of one server; the same array for tools that the same groups offer, and for no others. The
 * groups that name single tools are sorted by tool once: every caller's view asks about every tool.
 */
function groupsOfTools(all: readonly Offer[]): (tool: string) => NonNullable<Resource['groups']> {
  const ofUnnamed = all.filter(({ tools }) => !tools?.areOffered).map(groupOf);
  // Tools that the same groups name, to offer or to leave them out, are offered by the same groups.
  const byNaming = new Map<string, ReturnType<typeof groupOf>[]>();
  const keys = new Map<string, string>();
  all.forEach(({ tools }, at) => {
    for (const tool of tools?.names ?? []) keys.set(tool, `${keys.get(tool) ?? ''}${at} `);
  });
  const byTool = new Map<string, ReturnType<typeof groupOf>[]>();
  for (const [tool, key] of keys) {
    let groups = byNaming.get(key);
    if (!groups) {
      groups = all.filter(({ tools }) => offers(tools, tool)).map(groupOf);
      byNaming.set(key, groups);
    }
    byTool.set(tool, groups);
  }
  return (tool) => byTool.get(tool) ?? ofUnnamed;
}
