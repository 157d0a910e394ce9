// What the Connect guide needs to know of the visitor and of what they may reach.
import { headers } from 'next/headers';
import { ownUrl, settings } from '@/app/_server';
import { can, canSome } from '@/lib/access/can';
import type { Ctx } from '@/lib/access/context';
import { getRootToolList, listGroups, listServers, type RootToolList } from '@/lib/servers';
import { type System, systemOf } from '@/lib/servers/clients';

export interface ConnectData {
  /** Origin under which this visitor reaches the hub. */
  base: string;
  system: System;
  groups: string[];
  servers: string[];
  /** The same servers with their tools. */
  serverTools: { name: string; toolCount: number }[];
  mayCreateKey: boolean;
  /** How /api/mcp lists its tools; null for those who may not see settings. */
  toolList: RootToolList | null;
  mayChangeList: boolean;
}

export async function loadConnect(ctx: Ctx): Promise<ConnectData> {
  const [requestHeaders, groups, servers, toolList] = await Promise.all([
    headers(),
    listGroups(ctx),
    listServers(ctx),
    can(ctx.actor, 'read', { type: 'setting' }) ? getRootToolList(ctx) : null,
  ]);
  const enabled = servers.filter((server) => server.enabled);
  return {
    base: ownUrl(requestHeaders, settings()),
    system: systemOf(requestHeaders.get('user-agent') ?? ''),
    groups: groups.map(({ name }) => name),
    servers: enabled.map(({ name }) => name),
    serverTools: enabled.map(({ name, toolCount }) => ({ name, toolCount })),
    mayCreateKey: canSome(ctx.actor, 'create', 'key'),
    toolList,
    mayChangeList: can(ctx.actor, 'update', { type: 'setting' }),
  };
}
