// The stored catalogue: what each server last said of itself. Written after a listing, read once at start, so that a
// sleeping or restarting server keeps its tools. Also the rows that say which server and group is reachable where.
import { createHash, randomUUID } from 'node:crypto';
import { asc, eq, inArray, sql } from 'drizzle-orm';
import {
  groupServers,
  groups,
  type StoredToolList,
  serverCatalogs,
  servers,
  toolOverlays,
  type toolPins,
  tools,
} from '../../drizzle/schema';
import { systemActor } from '../access/identities';
import { canonicalJson } from '../canonical-json';
import type { Db, Tx } from '../db/types';
import type { PinnedTool } from '../routing/schema';
import { writeAudit } from '../telemetry/audit';
import { isEmptyOverlay } from './curation/curate';
import type { GroupOverlay, ServerOverlay } from './curation/schema';
import { readPins, readPinsOf, writePins } from './pins';
import type { StoredChoice } from './tool-choice';
import { loadToolList } from './tool-lists';

/** A tool, resource, template or prompt exactly as its server defined it. */
export type Definition = Record<string, unknown>;

/** Whether the server says of a tool that it changes nothing (server/tools, "Tool Annotations"). */
export function isReadOnly({ annotations }: Definition): boolean {
  return (annotations as { readOnlyHint?: unknown } | null | undefined)?.readOnlyHint === true;
}

export interface ListingFault {
  /** "tool", "resource", "resourceTemplate" or "prompt". */
  kind: string;
  name: string;
  reason: string;
}

/** All pages of everything a server lists, together with what it said in its handshake. */
export interface Listing {
  protocolVersion: string;
  serverInfo: { name: string; version?: string; [field: string]: unknown };
  capabilities: Record<string, unknown>;
  instructions: string | null;
  tools: Definition[];
  resources: Definition[];
  resourceTemplates: Definition[];
  prompts: Definition[];
  /** Items that could not be taken over. */
  faults: ListingFault[];
  /** How long each list may be kept, ms, where its server says so. Not stored: a server says it with each list. */
  ttlMs?: Partial<Record<'tools' | 'resources' | 'resourceTemplates' | 'prompts', number>>;
}

export interface CatalogDiff {
  added: string[];
  removed: string[];
  changed: string[];
  /** Those of them that are not as they were first seen or last approved, where somebody is to look at that. */
  drifted: string[];
}

export const noDiff: Readonly<CatalogDiff> = { added: [], removed: [], changed: [], drifted: [] };

/** SHA-256 (hex) over what a model sees of a tool and what its caller must send. The order of keys does not matter. */
export function definitionHash(tool: Definition): string {
  const { name, title, description, inputSchema, outputSchema, annotations } = tool;
  const seen = { name, title, description, inputSchema, outputSchema, annotations };
  return createHash('sha256').update(canonicalJson(seen)).digest('hex');
}

/**
 * Makes the stored catalogue of a server equal to `listing`, in one transaction. Rows of tools that did not change keep
 * their id. A server that was deleted meanwhile is left alone.
 * @returns names of the tools that came, went, or have another definition than before
 */
export async function storeCatalog(db: Db, serverId: string, listing: Listing): Promise<CatalogDiff> {
  return db.transaction(async (tx) => {
    const [server] = await tx
      .select({ id: servers.id, name: servers.name, policy: servers.definitionChanges })
      .from(servers)
      .where(eq(servers.id, serverId))
      .for('update');
    if (!server) return noDiff;
    const pins = await readPins(tx, serverId);
    const stored = await tx
      .select({ name: tools.name, hash: tools.definitionHash, position: tools.position, definition: tools.definition })
      .from(tools)
      .where(eq(tools.serverId, serverId));
    const before = new Map(stored.map((tool) => [tool.name, tool]));
    const diff: CatalogDiff = { added: [], removed: [], changed: [], drifted: [] };
    const newPins: (typeof toolPins.$inferInsert)[] = [];
    const writes: (typeof tools.$inferInsert)[] = [];
    listing.tools.forEach((asListed, position) => {
      const definition = storable(asListed);
      const name = String(definition.name);
      // Under another name it could not be called.
      if (name !== asListed.name) return;
      const hash = definitionHash(definition);
      const old = before.get(name);
      before.delete(name);
      const pin = pins.get(name);
      if (pin === undefined || (pin !== hash && server.policy === 'allow')) {
        pins.set(name, hash);
        newPins.push({ serverId, name, definition, definitionHash: hash });
      } else if (pin !== hash && old?.hash !== hash) diff.drifted.push(name);
      if (!old) diff.added.push(name);
      else if (old.hash !== hash) diff.changed.push(name);
      else if (old.position === position && JSON.stringify(old.definition) === JSON.stringify(definition)) return;
      writes.push({
        serverId,
        name,
        position,
        title: typeof definition.title === 'string' ? definition.title : null,
        description: typeof definition.description === 'string' ? definition.description : null,
        definition,
        definitionHash: hash,
      });
    });
    diff.removed.push(...before.keys());
    if (diff.removed.length > 0) {
      await tx.delete(tools).where(sql`${eq(tools.serverId, serverId)} and ${inArray(tools.name, diff.removed)}`);
    }
    // 8 parameters a row; the wire protocol counts them in 16 bits.
    for (let start = 0; start < writes.length; start += 1000) {
      await tx
        .insert(tools)
        .values(writes.slice(start, start + 1000))
        .onConflictDoUpdate({
          target: [tools.serverId, tools.name],
          set: {
            position: sql`excluded.position`,
            title: sql`excluded.title`,
            description: sql`excluded.description`,
            definition: sql`excluded.definition`,
            definitionHash: sql`excluded.definition_hash`,
            changedAt: sql`case when ${tools.definitionHash} = excluded.definition_hash then ${tools.changedAt} else now() end`,
          },
        });
    }
    await writePins(tx, newPins);
    const { tools: _tools, ttlMs: _ttlMs, ...rest } = listing;
    const row = { ...storable(rest), listedAt: new Date() };
    await tx
      .insert(serverCatalogs)
      .values({ serverId, ...row })
      .onConflictDoUpdate({ target: serverCatalogs.serverId, set: row });
    if (diff.drifted.length > 0) await noteDrift(tx, { id: serverId, name: server.name }, diff.drifted);
    return diff;
  });
}

/** How many names an entry of the audit trail holds. */
const notedTools = 100;

async function noteDrift(tx: Tx, server: { id: string; name: string }, drifted: string[]): Promise<void> {
  const source = { actor: systemActor('catalogue'), requestId: randomUUID() };
  await writeAudit(tx, source, {
    action: 'server.tools-drifted',
    resourceType: 'server',
    resourceId: server.id,
    resourceName: server.name,
    after: { tools: drifted.slice(0, notedTools), count: drifted.length },
  });
}

/** Postgres stores neither U+0000 nor half a surrogate pair; both become U+FFFD. */
export function storable<T>(value: T): T {
  const json = JSON.stringify(value);
  if (!json.includes('\\u')) return value;
  // Only after an even number of backslashes does the next one begin an escape.
  const cleaned = json.replace(/(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g, '$1\ufffd');
  return cleaned === json ? value : JSON.parse(cleaned);
}

/** The last listing of every server that was ever listed, by server id; tools in the order their server gave. */
export async function loadCatalogs(db: Db): Promise<Map<string, Listing>> {
  const [catalogs, rows] = await Promise.all([
    db.select().from(serverCatalogs),
    db.select({ serverId: tools.serverId, definition: tools.definition }).from(tools).orderBy(asc(tools.position)),
  ]);
  const byServer = new Map<string, Definition[]>();
  for (const { serverId, definition } of rows) {
    const list = byServer.get(serverId);
    if (list) list.push(definition);
    else byServer.set(serverId, [definition]);
  }
  return new Map(
    catalogs.map(({ serverId, listedAt: _listedAt, serverInfo, ...rest }) => [
      serverId,
      { ...rest, serverInfo: { ...serverInfo, name: String(serverInfo.name) }, tools: byServer.get(serverId) ?? [] },
    ]),
  );
}

/** A server as far as an MCP endpoint is concerned. */
export interface EndpointServer {
  id: string;
  name: string;
  enabled: boolean;
  prefix: 'always' | 'never';
  /** Open to callers without a credential. */
  anonymous: boolean;
  /** How its own endpoint lists its tools; absent: one by one. */
  toolList?: StoredToolList<string>;
  ownerId: string | null;
  timeoutMs: number | null;
  limits: { concurrentCalls?: number; queuedCalls?: number };
  repeatSafeCalls: boolean;
  /** What an administrator changed about its tools, by original names. */
  overlays: Record<string, ServerOverlay>;
  /** Of a server whose tools are held when they change: the hash that each has to have; null for all others. */
  pins: Record<string, string> | null;
}

export interface EndpointGroup {
  id: string;
  name: string;
  prefix: 'always' | 'never';
  /** Open to callers without a credential. */
  anonymous: boolean;
  toolList?: StoredToolList<PinnedTool>;
  ownerId: string | null;
  /** `overlays`: what is changed about the tools in this group, over what the server's overlays say. */
  servers: (StoredChoice & { serverId: string; overlays?: Record<string, GroupOverlay> })[];
}

/** Oldest first: on a clash of names the older one keeps its name. */
export interface EndpointRows {
  servers: EndpointServer[];
  groups: EndpointGroup[];
  /** Of the endpoint over everything. */
  toolList?: StoredToolList<PinnedTool>;
}

/** Everything that decides which MCP endpoints exist and what they offer, without asking who may see it. */
export async function loadEndpoints(db: Db): Promise<EndpointRows> {
  const [serverRows, groupRows, memberRows, overlayRows, toolList] = await Promise.all([
    db
      .select({
        id: servers.id,
        name: servers.name,
        enabled: servers.enabled,
        prefix: servers.prefix,
        anonymous: servers.anonymous,
        toolList: servers.toolList,
        ownerId: servers.createdBy,
        timeoutMs: servers.timeoutMs,
        limits: servers.limits,
        repeatSafeCalls: servers.repeatSafeCalls,
        policy: servers.definitionChanges,
      })
      .from(servers)
      .orderBy(asc(servers.createdAt), sql`lower(${servers.name})`),
    db
      .select({
        id: groups.id,
        name: groups.name,
        prefix: groups.prefix,
        anonymous: groups.anonymous,
        toolList: groups.toolList,
        ownerId: groups.createdBy,
      })
      .from(groups)
      .orderBy(asc(groups.createdAt), sql`lower(${groups.name})`),
    db.select().from(groupServers),
    db
      .select({
        serverId: toolOverlays.serverId,
        groupId: toolOverlays.groupId,
        tool: toolOverlays.tool,
        overlay: toolOverlays.overlay,
      })
      .from(toolOverlays)
      .orderBy(asc(toolOverlays.tool)),
    loadToolList(db),
  ]);
  const holding = serverRows.filter(({ policy }) => policy === 'hold').map(({ id }) => id);
  const pins = await readPinsOf(db, holding);
  const overlays = new Map<string, Record<string, ServerOverlay>>();
  for (const { serverId, groupId, tool, overlay } of overlayRows) {
    if (isEmptyOverlay(overlay)) continue;
    const key = `${groupId ?? ''} ${serverId}`;
    overlays.set(key, Object.assign(overlays.get(key) ?? {}, { [tool]: overlay }));
  }
  return {
    servers: serverRows.map(({ policy: _policy, ...server }) => ({
      ...server,
      pins: pins.get(server.id) ?? null,
      overlays: overlays.get(` ${server.id}`) ?? {},
    })),
    groups: groupRows.map((group) => ({
      ...group,
      servers: memberRows
        .filter((member) => member.groupId === group.id)
        .map(({ serverId, tools, exceptTools }) => {
          const own = overlays.get(`${group.id} ${serverId}`);
          return { serverId, tools, ...(exceptTools && { exceptTools }), ...(own && { overlays: own }) };
        }),
    })),
    toolList,
  };
}
