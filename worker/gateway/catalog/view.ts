// What one caller sees on one endpoint at one version of the catalogue: the names and where they lead, the pages of each
// list as finished bytes, and the answer to `initialize`. Made once and shared by all callers with the same rights.
import { createHash } from 'node:crypto';
import { can, type Resource } from '../../../lib/access/can';
import type { Keyring } from '../../../lib/access/keyring';
import type { Actor } from '../../../lib/access/schema';
import { canonicalJson } from '../../../lib/canonical-json';
import { HubError } from '../../../lib/errors';
import { type Definition, definitionHash, isReadOnly, type Listing, storable } from '../../../lib/servers/catalog';
import { type ArgumentPlan, curateIn } from '../../../lib/servers/curation/curate';
import { offers } from '../../../lib/servers/tool-choice';
import { isMetaTool } from '../smart/meta-tools';
import { shownTool, type TaskOffers, type TaskSupport, taskOffersOf, taskSupportOf } from '../tasks/task-offers';
import type { Endpoint, ServerNode } from './endpoints';
import { clashUri, exposeNames, parseClashUri, templateMatcher } from './naming';

export type ListKind = 'tools' | 'resources' | 'resourceTemplates' | 'prompts';
export const listKinds: readonly ListKind[] = ['tools', 'resources', 'resourceTemplates', 'prompts'];

/** What is needed of the keyring: cursors are sealed. */
export type Seals = Pick<Keyring, 'seal' | 'open'>;

/** Where an exposed name leads. */
export interface Target {
  server: ServerNode;
  /** Original name, URI or URI template. */
  name: string;
  /** For `can`, asked again at each call. */
  resource: Resource;
}

/** Something that a server lists, as it defined it, but for tools that an administrator curated. */
export interface Item extends Target {
  /** Of a curated tool what is shown of it, under its curated name. */
  definition: Definition;
  /** As the server defined it. */
  own: Definition;
  /** What becomes of the arguments of a curated tool; null: they pass as they are. */
  plan: ArgumentPlan | null;
  /** Of tools. */
  taskSupport: TaskSupport;
}

/** Lists are cut into pages of this size. */
const pageSize = 1000;
const instructionsMaxChars = 8192;
/** Lists of servers that say nothing of it, and those that rights and settings make, may be kept so long. */
const listTtlMs = 30_000;
/** MCP Apps. */
const appsExtension = 'io.modelcontextprotocol/ui';

interface About {
  capabilities: Record<string, unknown>;
  instructions?: string;
}

export class View {
  readonly version: number;
  readonly endpoint: Endpoint;
  /** Visible servers, oldest first, with what they last said of themselves. */
  readonly servers: readonly { server: ServerNode; listing: Listing }[];
  readonly tools: ReadonlyMap<string, Item>;
  readonly prompts: ReadonlyMap<string, Target>;
  readonly taskOffers: TaskOffers;
  /** Those of which everything is on offer, not only tools. */
  readonly #whole: View['servers'];
  readonly #items: Record<ListKind, ReadonlyMap<string, Item>>;
  readonly #bareTools = new Map<string, Item | null>();
  readonly #templates: { matches: (uri: string) => number; target: Target }[];
  readonly #lists = new Map<ListKind, { digest: string; pages: Buffer[] }>();
  readonly #keyring: Seals;
  #about: About | undefined;

  constructor(
    version: number,
    actor: Actor,
    endpoint: Endpoint,
    listings: ReadonlyMap<string, Listing>,
    keyring: Seals,
  ) {
    this.version = version;
    this.endpoint = endpoint;
    this.#keyring = keyring;
    const members = endpoint.members.flatMap(({ server, tools, overlays }) => {
      const listing = listings.get(server.id);
      return listing && server.enabled && can(actor, 'read', server.resource)
        ? [{ server, tools, overlays, listing }]
        : [];
    });
    this.servers = members;
    this.taskOffers = taskOffersOf(members.map(({ listing }) => listing));
    const tools: Item[] = [];
    const whole: typeof members = [];
    const pages: Item[] = [];
    const mayUse = toolQuestion(actor);
    for (const member of members) {
      const { server, listing } = member;
      const before = tools.length;
      for (const definition of listing.tools) {
        const name = String(definition.name);
        if (server.disabledTools.has(name) || !offers(member.tools, name)) continue;
        if (server.pins && isHeld(server.pins, name, definition)) continue;
        const curated = curateIn(definition, server.overlays.get(name), member.overlays?.get(name));
        // An overlay says what models are told; it gives nobody a right that the server's own word does not.
        const readOnly = isReadOnly(definition) && (!curated || isReadOnly(curated.definition));
        const resource = server.toolResource(name, readOnly);
        if (!mayUse(resource)) continue;
        tools.push({
          server,
          name,
          resource,
          definition: curated?.definition ?? definition,
          own: definition,
          plan: curated?.plan ?? null,
          taskSupport: taskSupportOf(listing, definition),
        });
      }
      // A key or a group for single tools does not open the other things of their server, but for the pages (MCP Apps)
      // without which the tools are not whole.
      if (!member.tools && can(actor, 'call', server.wholeResource)) whole.push(member);
      else pages.push(...pagesOf(tools.slice(before), member));
    }
    this.#whole = whole;
    const all = (kind: ListKind, key: string) =>
      whole.flatMap(({ server, listing }) =>
        listing[kind].map((definition) => ({
          server,
          name: String(definition[key]),
          resource: server.wholeResource,
          definition,
          own: definition,
          plan: null,
          taskSupport: undefined,
        })),
      );
    this.#items = {
      tools: named(tools, endpoint.prefix),
      prompts: named(all('prompts', 'name'), endpoint.prefix),
      resources: located([...all('resources', 'uri'), ...pages]),
      resourceTemplates: located(all('resourceTemplates', 'uriTemplate')),
    };
    this.tools = this.#items.tools;
    this.prompts = this.#items.prompts;
    for (const item of tools) {
      const name = shownName(item);
      const other = this.#bareTools.get(name);
      this.#bareTools.set(name, other === undefined ? item : other && whoseName(other, item));
    }
    this.#templates = [...this.#items.resourceTemplates.values()].map((target) => ({
      matches: templateMatcher(target.name),
      target,
    }));
  }

  /** The tool behind an exposed name, or behind a name of a tool that exactly one visible server has. */
  tool(name: string): Item | undefined {
    return this.tools.get(name) ?? this.#bareTools.get(name) ?? undefined;
  }

  /** Whether a search stands for the list of tools. */
  get isSmart(): boolean {
    return false;
  }

  /** Whether the list of tools has a tool of a server under this name. */
  isListed(name: string): boolean {
    return this.tools.has(name);
  }

  /**
   * Whether a tools/call of this name is for the hub itself: for the tools that smart lists are of. Where they are not listed
   * they answer all the same, unless a server has a tool of that name: a client may have a list from before.
   */
  isMeta(name: unknown): boolean {
    return isMetaTool(name) && (this.isSmart || !this.tool(name));
  }

  /** The tool that a tools/call is about, by its own name or by the id that call_tool is given. */
  called(params: Record<string, unknown> | undefined): Item | undefined {
    const name = params?.name;
    if (!this.isMeta(name)) return typeof name === 'string' ? this.tool(name) : undefined;
    if (name !== 'call_tool') return undefined;
    const { id } = (params?.arguments ?? {}) as { id?: unknown };
    return typeof id === 'string' ? this.tool(id) : undefined;
  }

  /**
   * The server that a URI belongs to: listed, else by the form for clashes, else by the template that fits best, else
   * the only server here that has resources.
   */
  resource(uri: string): Target | undefined {
    const listed = this.#items.resources.get(uri) ?? this.#items.resourceTemplates.get(uri);
    if (listed) return listed;
    const withResources = this.#whole.filter(({ listing }) => 'resources' in listing.capabilities);
    const clash = parseClashUri(uri);
    const named = clash && withResources.find(({ server }) => server.name === clash.server);
    if (clash && named) return { server: named.server, name: clash.uri, resource: named.server.wholeResource };
    let best: Target | undefined;
    let bestWeight = -1;
    for (const { matches, target } of this.#templates) {
      const weight = matches(uri);
      if (weight > bestWeight) [best, bestWeight] = [target, weight];
    }
    if (best) return { ...best, name: uri };
    const [only, ...others] = withResources;
    if (!only || others.length > 0) return undefined;
    return { server: only.server, name: uri, resource: only.server.wholeResource };
  }

  /** Whether results of a server may name URIs that must be mapped here; if not, its bytes pass as they are. */
  mapsUris(): boolean {
    return this.#items.resources.size + this.#items.resourceTemplates.size > 0 && this.servers.length > 1;
  }

  /** The URI under which this endpoint knows a URI of `server`: its own, or the clash form if it leads elsewhere. */
  uriOut(server: ServerNode, uri: string): string {
    const target = this.resource(uri);
    return !target || target.server.id === server.id ? uri : clashUri(server.name, uri);
  }

  /** Changes exactly when the list changes; independent of the connection. */
  digest(kind: ListKind): string {
    return this.#list(kind).digest;
  }

  /**
   * One page of a list, as the bytes of a result.
   * @throws HubError INVALID_INPUT for a cursor that is altered, foreign or outdated
   */
  page(kind: ListKind, cursor: unknown): Buffer {
    const { digest, pages } = this.#list(kind);
    if (cursor === undefined) return pages[0] as Buffer;
    const opened = typeof cursor === 'string' ? this.#keyring.open('cursor', cursor) : null;
    const [cursorKind, cursorDigest, index] = Array.isArray(opened) ? opened : [];
    const page = cursorKind === kind && cursorDigest === digest ? pages[index as number] : undefined;
    if (!page) throw new HubError('INVALID_INPUT', 'This cursor is not valid (any more): list again from the start.');
    return page;
  }

  #list(kind: ListKind): { digest: string; pages: Buffer[] } {
    const known = this.#lists.get(kind);
    if (known) return known;
    const key = kind === 'resources' ? 'uri' : kind === 'resourceTemplates' ? 'uriTemplate' : 'name';
    const shown = [...this.#items[kind]].map(([exposed, item]) => this.shown(key, exposed, item));
    const digest = createHash('sha256').update(canonicalJson(shown)).digest('base64url');
    const entries = shown.map((definition) => JSON.stringify(definition));
    const pages: Buffer[] = [];
    for (let start = 0; start === 0 || start < entries.length; start += pageSize) {
      const isLast = start + pageSize >= entries.length;
      const cursor = isLast ? '' : `,"nextCursor":"${this.#keyring.seal('cursor', [kind, digest, pages.length + 1])}"`;
      pages.push(Buffer.from(`{"${kind}":[${entries.slice(start, start + pageSize).join(',')}]${cursor}}`));
    }
    const list = { digest, pages };
    this.#lists.set(kind, list);
    return list;
  }

  /** An item as a list shows it. */
  protected shown(key: string, exposed: string, { server, definition, taskSupport }: Item): Definition {
    return this.#mapAppUri(server, { ...shownTool(definition, taskSupport), [key]: exposed });
  }

  /** The page of an MCP app belongs to its tool's server, so it is mapped like any other URI of it. */
  #mapAppUri(server: ServerNode, definition: Definition): Definition {
    if (!definition._meta || !this.mapsUris()) return definition;
    return mapAppUris(definition, (uri) => this.uriOut(server, uri)) as Definition;
  }

  /** How long these lists together may be kept, ms: as long as the least of their parts (server/utilities/caching). */
  ttlMs(kinds: readonly ListKind[]): number {
    let least = listTtlMs;
    for (const { listing } of this.servers) {
      for (const kind of kinds) least = Math.min(least, listing.ttlMs?.[kind] ?? listTtlMs);
    }
    return least;
  }

  /** What a visible server says of its apps; where none says anything, apps there are speak for themselves. */
  #apps(): Record<string, unknown> | undefined {
    for (const { listing } of this.servers) {
      const { [appsExtension]: settings } = (listing.capabilities.extensions ?? {}) as Record<string, unknown>;
      if (typeof settings === 'object' && settings !== null) return settings as Record<string, unknown>;
    }
    const isPage = ({ name }: Item) => name.startsWith('ui://');
    const { tools, resources, resourceTemplates } = this.#items;
    const pages = [...resources.values(), ...resourceTemplates.values()];
    return pages.some(isPage) || [...tools.values()].some(hasApp) ? {} : undefined;
  }

  /** Result of `initialize` but for the protocol version. */
  about(): About {
    this.#about ??= this.#describe();
    return this.#about;
  }

  #describe(): About {
    const has = (name: string) => this.servers.some(({ listing }) => name in listing.capabilities);
    const subscribes = this.servers.some(({ listing }) => {
      const { resources } = listing.capabilities;
      return typeof resources === 'object' && resources !== null && 'subscribe' in resources && resources.subscribe;
    });
    const texts = this.servers.flatMap(({ server, listing }) => {
      const text = listing.instructions?.trim();
      if (!text) return [];
      return this.endpoint.kind === 'server' ? [text] : [`## ${server.name}\n${text}`];
    });
    const apps = this.#apps();
    const instructions = texts.join('\n\n').slice(0, instructionsMaxChars);
    return {
      capabilities: {
        // Declared in any case: a server may join while the session lasts.
        tools: { listChanged: true },
        ...(has('resources') && { resources: { listChanged: true, ...(subscribes && { subscribe: true }) } }),
        ...(has('prompts') && { prompts: { listChanged: true } }),
        ...(has('completions') && { completions: {} }),
        ...(has('logging') && { logging: {} }),
        ...(apps && { extensions: { [appsExtension]: apps } }),
      },
      ...(instructions && { instructions }),
    };
  }

  /** Rough measure for the cache. */
  get weight(): number {
    return 1 + listKinds.reduce((sum, kind) => sum + this.#items[kind].size, 0);
  }
}

/**
 * Whether the actor may see and call a tool. Of a caller without limits it depends on owner and groups alone, and tools
 * of one server that the same groups offer share these: of 10,000 tools hardly any has to be thought about.
 */
function toolQuestion(actor: Actor): (tool: Resource) => boolean {
  const ask = (tool: Resource) => can(actor, 'read', tool) && can(actor, 'call', tool);
  if (actor.keyScope) return ask;
  const known = new Map<Resource['groups'], boolean>();
  return (tool) => {
    const answered = known.get(tool.groups);
    if (answered !== undefined) return answered;
    const answer = ask(tool);
    known.set(tool.groups, answer);
    return answer;
  };
}

const hashes = new WeakMap<Definition, string>();

/** Whether a tool is another than the one that was first seen or last approved. */
function isHeld(pins: ReadonlyMap<string, string>, name: string, definition: Definition): boolean {
  const pin = pins.get(name);
  if (pin === undefined) return false;
  let hash = hashes.get(definition);
  if (hash === undefined) {
    hash = definitionHash(storable(definition));
    hashes.set(definition, hash);
  }
  return hash !== pin;
}

/** The listed resources that are pages of these tools; who may call the tool may read them. */
function pagesOf(tools: readonly Item[], { server, listing }: { server: ServerNode; listing: Listing }): Item[] {
  const owners = new Map<string, Item>();
  for (const tool of tools) {
    mapAppUris(tool.definition, (uri) => {
      owners.set(uri, tool);
      return uri;
    });
  }
  return listing.resources.flatMap((definition) => {
    const uri = String(definition.uri);
    const owner = owners.get(uri);
    if (!owner) return [];
    return [
      { server, name: uri, resource: owner.resource, definition, own: definition, plan: null, taskSupport: undefined },
    ];
  });
}

/** The name before that of its server is put in front. */
function shownName({ definition }: Item): string {
  return String(definition.name);
}

function isRenamed(item: Item): boolean {
  return shownName(item) !== item.name;
}

/** A curated name stays with its tool when the server later comes with a tool of that name; null: nobody's. */
function whoseName(one: Item, other: Item): Item | null {
  if (one.server !== other.server || isRenamed(one) === isRenamed(other)) return null;
  return isRenamed(one) ? one : other;
}

function named(items: readonly Item[], prefix: 'always' | 'never'): Map<string, Item> {
  const claims = items.some(isRenamed) ? renamedFirst(items) : items;
  const exposed = exposeNames(
    claims.map((item) => ({ server: item.server.name, name: shownName(item), item })),
    prefix,
  );
  if (claims === items) return new Map([...exposed].map(([name, { item }]) => [name, item]));
  const names = new Map([...exposed].map(([name, { item }]) => [item, name]));
  return new Map(
    items.flatMap((item): [string, Item][] => {
      const name = names.get(item);
      return name === undefined ? [] : [[name, item]];
    }),
  );
}

/** Of each server those with curated names first, so that they keep them. */
function renamedFirst(items: readonly Item[]): Item[] {
  const byServer = new Map<ServerNode, Item[]>();
  for (const item of items) {
    const own = byServer.get(item.server);
    if (own) own.push(item);
    else byServer.set(item.server, [item]);
  }
  return [...byServer.values()].flatMap((own) => [...own.filter(isRenamed), ...own.filter((item) => !isRenamed(item))]);
}

/** URIs stay as they are; a later server's takes the clash form where an older one has the same. */
function located(items: readonly Item[]): Map<string, Item> {
  const exposed = new Map<string, Item>();
  for (const item of items) {
    const uri = exposed.has(item.name) ? clashUri(item.server.name, item.name) : item.name;
    if (!exposed.has(uri)) exposed.set(uri, item);
  }
  return exposed;
}

function hasApp({ definition }: Item): boolean {
  const { ui, 'ui/resourceUri': older } = (definition._meta ?? {}) as Record<string, unknown>;
  return typeof older === 'string' || typeof (ui as { resourceUri?: unknown } | null)?.resourceUri === 'string';
}

/** Maps `_meta.ui.resourceUri` and the older `_meta["ui/resourceUri"]`. Returns `value` itself when nothing changed. */
export function mapAppUris(value: unknown, map: (uri: string) => string): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { _meta } = value as { _meta?: unknown };
  if (typeof _meta !== 'object' || _meta === null) return value;
  const meta: Record<string, unknown> = { ..._meta };
  if (typeof meta['ui/resourceUri'] === 'string') meta['ui/resourceUri'] = map(meta['ui/resourceUri']);
  if (typeof meta.ui === 'object' && meta.ui !== null) {
    const { resourceUri } = meta.ui as { resourceUri?: unknown };
    if (typeof resourceUri === 'string') meta.ui = { ...meta.ui, resourceUri: map(resourceUri) };
  }
  return { ...value, _meta: meta };
}
