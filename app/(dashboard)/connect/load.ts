// What the Connect guide needs to know of the visitor and of what they may reach.
import { headers } from 'next/headers';
import { settings, visitorOrigin } from '@/app/_server';
import { canSome } from '@/lib/access/can';
import type { Ctx } from '@/lib/access/context';
import { listGroups, listServers } from '@/lib/servers';
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
}

export async function loadConnect(ctx: Ctx): Promise<ConnectData> {
  const [requestHeaders, groups, servers] = await Promise.all([headers(), listGroups(ctx), listServers(ctx)]);
  const { MCPHUB_PUBLIC_URL } = settings();
  const enabled = servers.filter((server) => server.enabled);
  return {
    base: visitorOrigin(requestHeaders, settings()) ?? MCPHUB_PUBLIC_URL,
    system: systemOf(requestHeaders.get('user-agent') ?? ''),
    groups: groups.map(({ name }) => name),
    servers: enabled.map(({ name }) => name),
    serverTools: enabled.map(({ name, toolCount }) => ({ name, toolCount })),
    mayCreateKey: canSome(ctx.actor, 'create', 'key'),
  };
}
