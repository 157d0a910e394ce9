import { describe, expect, it } from 'vitest';
import { can, canGive, canSome, describeActor } from '../../../../lib/access/can';
import { anonymousActor, lowerScope, systemActor } from '../../../../lib/access/identities';
import { builtInRoles } from '../../../../lib/access/roles';
import {
  type Action,
  type Actor,
  actions,
  type KeyScope,
  permissionSchema,
  type ResourceType,
  resources,
} from '../../../../lib/access/schema';

const me = '00000000-0000-4000-8000-000000000001';
const mine = { id: 'g1', name: 'Team' };
const foreign = { id: 'g2', name: 'Others' };

function actorOf(role: string, keyScope: KeyScope | null = null): Actor {
  const permissions = builtInRoles.find(({ name }) => name === role)?.permissions ?? [];
  const kind = keyScope ? 'key' : 'user';
  return { kind, id: me, userId: me, name: 'me', permissions, groupIds: [mine.id], keyScope };
}

/** What the actor may do to a thing of each type: one of its own, one of its groups, one of neither. */
function reach(actor: Actor) {
  const table: Record<string, string> = {};
  for (const type of resources) {
    for (const action of actions) {
      const places = [
        can(actor, action, { type, ownerId: me }) && 'own',
        can(actor, action, { type, groups: [mine], server: 's', tool: 't' }) && 'group',
        can(actor, action, { type, ownerId: 'somebody', groups: [foreign], server: 's', tool: 't' }) && 'all',
      ].filter((place) => place !== false);
      if (places.length > 0) table[`${type}.${action}`] = places.join(' ');
    }
  }
  return table;
}

const everywhere = 'own group all';

describe('built-in roles', () => {
  it('lets an admin do everything to everything', () => {
    const expected = resources.flatMap((type) => actions.map((action) => [`${type}.${action}`, everywhere]));
    expect(reach(actorOf('admin'))).toEqual(Object.fromEntries(expected));
  });

  it('lets a manager run servers and arrange groups, but not define what gets started', () => {
    expect(reach(actorOf('manager'))).toEqual({
      'server.read': everywhere,
      'server.operate': everywhere,
      'group.read': everywhere,
      'group.create': everywhere,
      'group.update': everywhere,
      'group.delete': everywhere,
      'tool.read': everywhere,
      'tool.call': everywhere,
      'key.read': 'own',
      'key.create': 'own',
      'key.delete': 'own',
      'user.read': everywhere,
      'user.update': 'own',
      'call.read': everywhere,
      'log.read': everywhere,
    });
  });

  it('gives a user what the own groups hold, own keys and own calls', () => {
    expect(reach(actorOf('user'))).toEqual({
      'server.read': 'group',
      'group.read': 'group',
      'tool.read': 'group',
      'tool.call': 'group',
      'key.read': 'own',
      'key.create': 'own',
      'key.delete': 'own',
      'user.read': 'own',
      'user.update': 'own',
      'call.read': 'own',
    });
  });

  it('lets an auditor read calls, the audit trail and what they speak of, and change or call nothing', () => {
    expect(reach(actorOf('auditor'))).toEqual({
      'call.read': everywhere,
      'audit.read': everywhere,
      'server.read': everywhere,
      'group.read': everywhere,
      'tool.read': everywhere,
      'user.read': everywhere,
      'role.read': everywhere,
      'key.read': everywhere,
      'user.update': 'own',
    });
  });

  it('lets nobody without a role or a credential do anything', () => {
    expect(reach(actorOf('unknown role'))).toEqual({});
    expect(reach(anonymousActor)).toEqual({});
    expect(can(anonymousActor, 'read', { type: 'key', ownerId: null })).toBe(false);
  });

  it('lets callers without a credential read and call what was opened to everybody, and nothing more', () => {
    const open = { type: 'tool' as const, server: 'github', tool: 'search', open: true };
    const offered = { type: 'tool' as const, server: 'github', groups: [foreign, { ...mine, open: true }] };
    for (const resource of [open, offered, { type: 'server' as const, open: true }]) {
      expect(can(anonymousActor, 'read', resource)).toBe(true);
      expect(can(anonymousActor, 'call', resource)).toBe(true);
      for (const action of ['create', 'update', 'delete', 'operate'] as const) {
        expect(can(anonymousActor, action, resource)).toBe(false);
      }
    }
    expect(can(anonymousActor, 'read', { ...offered, groups: [foreign, mine] })).toBe(false);
    expect(can(anonymousActor, 'read', { ...open, open: false })).toBe(false);
    expect(can(anonymousActor, 'read', { type: 'log', open: true })).toBe(false);
    expect(canSome(anonymousActor, 'read', 'tool')).toBe(false);
    // Nobody else has more by it.
    expect(can(actorOf('unknown role'), 'read', open)).toBe(false);
  });

  it('lets the hub itself do everything', () => {
    expect(Object.values(reach(systemActor('config-file'))).every((places) => places === everywhere)).toBe(true);
  });
});

describe('scope of a key', () => {
  const tool = { type: 'tool' as const, server: 'GitHub', tool: 'createIssue', groups: [foreign] };

  it.each<[string, KeyScope, boolean]>([
    ['a named server, whatever the case', { servers: ['GITHUB'] }, true],
    ['a named group', { groups: ['others'] }, true],
    ['a named tool', { tools: ['github/createIssue'] }, true],
    [
      'a tool name in another case, because it is the server that decides that',
      { tools: ['github/createissue'] },
      false,
    ],
    ['another server', { servers: ['gitlab'] }, false],
    ['a server whose name begins alike', { tools: ['git/createIssue'] }, false],
    ['no server at all', { servers: [] }, false],
  ])('decides on a call: %s', (_what, scope, allowed) => {
    expect(can(actorOf('admin', lowerScope(scope)), 'call', tool)).toBe(allowed);
  });

  it.each<[string, KeyScope, boolean | undefined, boolean]>([
    ['a tool that says it only reads', { readOnly: true }, true, true],
    ['a tool that says it writes', { readOnly: true }, false, false],
    ['a tool that says nothing', { readOnly: true }, undefined, false],
    ['a reading tool of a named server', { readOnly: true, servers: ['github'] }, true, true],
    ['a writing tool of a named server', { readOnly: true, servers: ['github'] }, false, false],
    ['a writing tool that is named itself', { readOnly: true, tools: ['github/createIssue'] }, false, false],
    ['a reading tool of another server', { readOnly: true, servers: ['gitlab'] }, true, false],
    ['a reading tool where no server is named', { readOnly: true, servers: [] }, true, false],
  ])('of a read-only key decides on %s', (_what, scope, readOnly, allowed) => {
    const actor = actorOf('admin', lowerScope(scope));
    const asked = readOnly === undefined ? tool : { ...tool, readOnly };
    expect(can(actor, 'call', asked)).toBe(allowed);
    expect(can(actor, 'read', asked)).toBe(allowed);
  });

  it('of a read-only key without lists shows all servers and changes none', () => {
    const actor = actorOf('admin', { readOnly: true });
    expect(can(actor, 'read', { type: 'server', server: 'any' })).toBe(true);
    expect(can(actor, 'operate', { type: 'server', server: 'any' })).toBe(false);
    expect(can(actor, 'read', { type: 'tool' })).toBe(false);
    expect(can(actor, 'create', { type: 'key', ownerId: me })).toBe(false);
  });

  it('shows a server of which one tool is named, but not its other tools', () => {
    const actor = actorOf('admin', lowerScope({ tools: ['GitHub/createIssue'] }));
    expect(can(actor, 'read', { type: 'server', server: 'github' })).toBe(true);
    expect(can(actor, 'call', { ...tool, tool: 'deleteRepo' })).toBe(false);
  });

  it('never allows more than the owner may', () => {
    const actor = actorOf('user', lowerScope({ servers: ['github'] }));
    expect(can(actor, 'call', tool)).toBe(false);
    expect(can(actor, 'call', { ...tool, groups: [mine] })).toBe(true);
  });

  it('leaves only reading and calling of servers, groups and tools, even to an admin', () => {
    const actor = actorOf('admin', lowerScope({ servers: ['github'], groups: ['team'] }));
    const resource = { server: 'github', tool: 't', groups: [mine], ownerId: me };
    const allowed = (type: ResourceType) => actions.filter((action) => can(actor, action, { type, ...resource }));
    const expected: Action[] = ['read', 'call'];
    for (const type of resources) {
      const isScoped = type === 'server' || type === 'group' || type === 'tool';
      expect(allowed(type)).toEqual(isScoped ? expected : []);
      expect(actions.filter((action) => canSome(actor, action, type))).toEqual(isScoped ? expected : []);
    }
  });
});

describe('what a role may hold', () => {
  it('covers every permission of the built-in roles', () => {
    const single = builtInRoles.filter(({ name }) => name !== 'admin').flatMap(({ permissions }) => permissions);
    expect(single.filter((permission) => !permissionSchema.safeParse(permission).success)).toEqual([]);
  });

  it('is given only by who has it, in the same scope or over all, and never with a limited key', () => {
    const read = (scope: 'own' | 'group' | 'all') => [{ resource: 'server' as const, action: 'read' as const, scope }];
    const givable = (actor: Actor) => (['own', 'group', 'all'] as const).filter((scope) => canGive(actor, read(scope)));
    expect(givable(actorOf('admin'))).toEqual(['own', 'group', 'all']);
    expect(givable(actorOf('manager'))).toEqual(['own', 'group', 'all']);
    expect(givable(actorOf('user'))).toEqual(['group']);
    expect(givable(actorOf('admin', { groups: ['team'] }))).toEqual([]);
    expect(givable(anonymousActor)).toEqual([]);
    const everything = [{ resource: '*' as const, action: '*' as const, scope: 'all' as const }];
    expect([canGive(actorOf('manager'), everything), canGive(actorOf('admin'), everything)]).toEqual([false, true]);
  });
});

describe('describeActor', () => {
  it('tells navigation what an actor may, without permissions or groups', () => {
    const shown = describeActor(actorOf('auditor'));
    expect(shown).toMatchObject({ kind: 'user', id: me, userId: me, name: 'me' });
    expect(shown.may).toMatchObject({ call: ['read'], audit: ['read'], server: ['read'], log: [], setting: [] });
    expect(Object.keys(shown)).not.toContain('permissions');
  });
});
