// What a smart list holds: the tools for searching, and those that are pinned at its endpoint, as far as the caller sees them.
import type { EndpointView } from '../../../lib/routing/schema';
import { tokensOfTool, tokensOfTools } from '../../../lib/routing/tokens';
import type { Item, View } from '../catalog/view';
import { pathOf } from '../http/request';
import { type Behind, isMetaTool, metaTools } from './meta-tools';

export function behindOf({ tools }: Pick<View, 'tools'>): Behind {
  return { tools: tools.size, servers: [...new Set([...tools.values()].map(({ server }) => server.name))] };
}

/**
 * By their exposed names, in the order in which they are pinned. One that is gone, or not the caller's, is left out, and so is
 * one with the name of a tool for searching.
 */
export function pinnedOf({ endpoint, tools }: Pick<View, 'endpoint' | 'tools'>): Map<string, Item> {
  const { pinned } = endpoint.toolList;
  const found = new Map<string, Item>();
  if (pinned.length === 0) return found;
  const wanted = new Set(pinned.map(({ serverId, tool }) => `${serverId}/${tool}`));
  const exposed = new Map<string, string>();
  for (const [name, item] of tools) {
    const key = `${item.server.id}/${item.name}`;
    if (wanted.has(key)) exposed.set(key, name);
  }
  for (const { serverId, tool } of pinned) {
    const name = exposed.get(`${serverId}/${tool}`);
    const item = name === undefined ? undefined : tools.get(name);
    if (name !== undefined && item && !isMetaTool(name)) found.set(name, item);
  }
  return found;
}

/** What a view's caller sees, with what both kinds of its list take of a model's context, about. */
export function describeEndpoint(view: View): EndpointView {
  const { key, kind, name, toolList } = view.endpoint;
  const pinned = [...pinnedOf(view)].map(([id, { server, name: tool, definition }]) => ({
    tool: `${server.name}/${tool}`,
    id,
    tokens: tokensOfTool(definition),
  }));
  const smart = tokensOfTools(metaTools(behindOf(view)));
  return {
    path: pathOf(key),
    kind,
    name,
    mode: toolList.mode,
    smart: view.isSmart,
    tools: view.tools.size,
    tokens: { full: tokensOfAll(view), smart: pinned.reduce((sum, { tokens }) => sum + tokens, smart) },
    pinned,
  };
}

/** About so many tokens all tools of a view take. */
export function tokensOfAll({ tools }: Pick<View, 'tools'>): number {
  let sum = 0;
  for (const { definition } of tools.values()) sum += tokensOfTool(definition);
  return sum;
}
