// Rules that a machine can hold: directions of imports, who may read the environment, adapters that go through their
// one door, documents that agree with the code. Each rule has a planted violation that it must catch, and fails on a
// tree in which it finds nothing to look at: a check that reads nothing passes everything.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { envSchema, fileSettings } from '../lib/env';
import { errorTable } from '../lib/errors';
import { cycles, reach, readTree, type SourceFile, type SourceTree, type Walk } from './support/source-tree';

interface Rule {
  name: string;
  /** The files it binds; at least one must exist. */
  binds: RegExp;
  /** Violations of one bound file, each a sentence or a chain of imports. */
  check: (file: SourceFile, tree: SourceTree) => string[];
  /** A small tree that breaks the rule. */
  planted: Record<string, string>;
}

const root = join(import.meta.dirname, '..');
const places = ['app', 'lib', 'worker', 'drizzle', 'scripts', 'tests', 'next.config.ts', 'proxy.ts'];

/** The file must never reach, directly or through others, what `never` matches; nothing behind that is looked at. */
function neverReaches(never: RegExp, walk: Walk = {}) {
  const through = (file: SourceFile) => !never.test(file.path) && (walk.through?.(file) ?? true);
  return ({ path }: SourceFile, tree: SourceTree): string[] =>
    [...reach(tree, path, { ...walk, through })]
      .filter(([target]) => never.test(target))
      .map(([, trail]) => trail.join(' -> '));
}

const nodeModules = `node:|(${builtinModules.filter((name) => !name.startsWith('_')).join('|')})(/|$)`;
const next = '(next|next-auth|react|react-dom|server-only)(/|$)';

/** What must not get into a bundle for browsers: Node, server code of Next, the full doors of lib, server packages. */
const serverOnly = new RegExp(
  `^(${nodeModules}|server-only$|next/headers$|next-auth$|app/_server/|lib/[^/]+/index\\.ts$|` +
    '(drizzle-orm|postgres|ioredis|pino|undici|socket\\.io|prom-client|@upstash/redis|@electric-sql/pglite|@node-rs/argon2)(/|$))',
);

const environmentReaders = new Set([
  'lib/env.ts',
  'worker/main.ts', // hands the whole environment on, because the servers file is expanded from it
  'app/_server/next-auth.ts', // next-auth takes its own settings from nowhere else
]);

/**
 * Files that may open connections, each with where to. What a row, a document or a stranger names is reached through
 * worker/upstream/origin-pool.ts alone, which checks addresses. The drivers of Postgres and Redis reach what settings name.
 */
const connecting: Record<string, string> = {
  'worker/upstream/origin-pool.ts': 'the guarded client of all that the hub asks of others',
  'worker/doctor/network.ts': 'step by step, with the lookup and the checks of the guard',
  'worker/door.ts': 'the web program, on the loopback address',
  'worker/gateway/sessions/peers.ts': 'another worker, on its unix socket',
  'lib/control/index.ts': 'the worker, on its unix socket',
  'lib/db/embedded-socket.ts': 'the embedded database, on its unix socket',
  'scripts/launcher.ts': 'the web program, on the loopback address',
  'scripts/audit.ts': 'the embedded database, on its unix socket',
  'app/_ui/api.ts': 'the own API, from a browser',
  'app/_ui/ndjson.ts': 'the own API, from a browser',
};

/** Exports that open a connection, by module; those of undici are all but its errors. */
const connectors: [module: RegExp, names: RegExp][] = [
  [/^undici$/, /^(?!errors$)/],
  [/^(node:)?https?$/, /^(request|get|Agent|globalAgent|default|\*)$/],
  [/^(node:)?net$/, /^(connect|createConnection|Socket|default|\*)$/],
  [/^(node:)?tls$/, /^(connect|TLSSocket|default|\*)$/],
  [/^(node:)?(http2|dgram)$/, /^/],
  [/^(axios|got|node-fetch|ky|request|needle|superagent|ws|eventsource|cross-fetch|openid-client)(\/|$)/, /^/],
];

function connectorsOf({ path, text, program }: SourceFile): string[] {
  const imported = program.body.flatMap((statement) => {
    if (statement.type !== 'ImportDeclaration' || statement.importKind === 'type') return [];
    const module = statement.source.value;
    return statement.specifiers.flatMap((each) => {
      if (each.type === 'ImportSpecifier' && each.importKind === 'type') return [];
      const name =
        each.type !== 'ImportSpecifier'
          ? '*'
          : each.imported.type === 'Identifier'
            ? each.imported.name
            : each.imported.value;
      const opens = connectors.some(([modules, names]) => modules.test(module) && names.test(name));
      return opens ? [`${path}: ${name} of ${module}`] : [];
    });
  });
  const code = withoutComments(text);
  const dynamic = [...code.matchAll(/\b(?:import|require)\(\s*['"]([^'"]+)['"]\s*\)(?!\.[A-Z])/g)].flatMap(
    ([, module = '']) => (connectors.some(([modules]) => modules.test(module)) ? [`${path}: import of ${module}`] : []),
  );
  const globals = [
    ...code.matchAll(
      /(?<![\w.$'"`/-])fetch\s*\(|globalThis\.fetch|new\s+(?:WebSocket|EventSource|XMLHttpRequest)\b|\.sendBeacon\(/g,
    ),
  ];
  return [...imported, ...dynamic, ...globals.map(([found]) => `${path}: ${found}`)];
}

/** From the bottom up; a folder imports from its own layer and from those below. */
const layers = [
  ['db', 'cache', 'events'],
  ['access', 'telemetry'],
  ['limits'],
  ['servers', 'credentials', 'routing', 'quality', 'plugins', 'control'],
];
const layerOf = (path: string) => layers.findIndex((folders) => folders.includes(path.split('/')[1] ?? ''));
const isSchema = (path: string) => path.endsWith('/schema.ts');

const rules: Rule[] = [
  {
    name: 'lib never reaches app, worker, next or react',
    binds: /^lib\//,
    check: neverReaches(new RegExp(`^(app|worker)/|^${next}`)),
    planted: {
      'lib/servers/index.ts': "import '../db/pages';",
      'lib/db/pages.ts': "export { page } from '@/app/page';",
      'app/page.tsx': 'export const page = 1;',
    },
  },
  {
    name: 'worker never reaches app, next or react',
    binds: /^worker\//,
    check: neverReaches(new RegExp(`^app/|^${next}`)),
    planted: { 'worker/main.ts': "import 'server-only';" },
  },
  {
    name: 'app never reaches worker',
    binds: /^app\//,
    check: neverReaches(/^worker\//),
    planted: { 'app/page.tsx': "const load = () => import('../worker/main');", 'worker/main.ts': 'export {};' },
  },
  {
    name: 'app seals secrets and never reaches what opens them',
    binds: /^app\//,
    check: neverReaches(/^lib\/(access\/vault\/open|servers\/resealing)\.ts$/),
    planted: {
      'app/page.tsx': "import '../lib/servers';",
      'lib/servers/index.ts': "import type { Opener } from '../access/vault/open';",
      'lib/access/vault/open.ts': 'export type Opener = 1;',
    },
  },
  {
    name: 'calls open no secret: what they go through never reaches what opens them',
    binds: /^worker\/(gateway|upstream)\//,
    check: neverReaches(/^lib\/(access\/vault\/open|servers\/resealing)\.ts$/),
    planted: {
      'worker/gateway/call.ts': "import '../../lib/access/vault/open';",
      'lib/access/vault/open.ts': 'export const open = 1;',
    },
  },
  {
    name: 'app starts no process',
    binds: /^app\//,
    check: neverReaches(/^(node:)?child_process$/),
    planted: { 'app/page.tsx': "import '../lib/spawn';", 'lib/spawn.ts': "import 'node:child_process';" },
  },
  {
    name: 'the leaf files of lib reach no folder of lib',
    binds: /^lib\/[^/]+\.ts$/,
    check: neverReaches(/^lib\/[^/]+\//),
    planted: { 'lib/errors.ts': "import type { Db } from './db';", 'lib/db/index.ts': 'export type Db = 1;' },
  },
  {
    name: 'a folder of lib imports only from its own layer and below; shapes (schema.ts) are open to all',
    binds: /^lib\/[^/]+\//,
    check: ({ path, imports }) =>
      imports
        .filter((target) => target.startsWith('lib/') && !isSchema(target) && layerOf(target) > layerOf(path))
        .map((target) => `${path} -> ${target}`),
    planted: { 'lib/db/index.ts': "import '../servers';", 'lib/servers/index.ts': 'export {};' },
  },
  {
    name: 'shapes (schema.ts) reach only other shapes and zod, so a browser can load them',
    binds: /^lib\/[^/]+\/schema\.ts$/,
    check: neverReaches(/^(?!zod$|lib\/[^/]+\/schema\.ts$)/),
    planted: { 'lib/db/schema.ts': "import 'node:crypto';" },
  },
  {
    name: 'every import inside the tree leads to a file',
    binds: /^(app|lib|worker|drizzle|scripts|tests)\//,
    check: ({ path, imports }) =>
      imports
        .filter((target) => /^(app|lib|worker|drizzle|scripts|tests)\//.test(target) && !/\.\w+$/.test(target))
        .map((target) => `${path} -> ${target}`),
    planted: { 'lib/a.ts': "import './gone';" },
  },
  {
    name: 'imports form no cycle; only components of one folder may call each other',
    binds: /^(app|lib|worker|drizzle|scripts)\//,
    check: ({ path }, tree) =>
      cyclesOf(tree)
        .filter((chain) => chain[0] === path && !isOneFolderOfComponents(chain))
        .map((chain) => chain.join(' -> ')),
    planted: { 'lib/a.ts': "import './b';", 'lib/b.ts': "import './a';" },
  },
  {
    name: 'client components reach nothing that only a server can run',
    binds: /^app\//,
    check: (file, tree) =>
      file.directive === 'use client'
        ? neverReaches(serverOnly, {
            valuesOnly: true,
            through: (each) => each.directive !== 'use server', // a call over the wire, not code of the bundle
          })(file, tree)
        : [],
    planted: {
      'app/button.tsx': "'use client';\nimport '../lib/db';",
      'lib/db/index.ts': "import 'node:fs';",
    },
  },
  {
    name: 'the gateway starts no process and the supervisor knows no client sessions',
    binds: /^worker\/(gateway|supervisor)\//,
    check: (file, tree) =>
      neverReaches(file.path.startsWith('worker/gateway/') ? /^(node:)?child_process$/ : /^worker\/gateway\//)(
        file,
        tree,
      ),
    planted: { 'worker/supervisor/index.ts': "import '../gateway';", 'worker/gateway/index.ts': 'export {};' },
  },
  {
    name: 'upstreams know no actors',
    binds: /^worker\/upstream\//,
    check: neverReaches(/^lib\/access\//),
    planted: { 'worker/upstream/http.ts': "import '../../lib/access/can';", 'lib/access/can.ts': 'export {};' },
  },
  {
    name: 'only lib/env.ts and the programs that start others read the environment',
    binds: /^(app|lib|worker|proxy\.ts)/,
    check: ({ path, text }) =>
      // These are no settings: Next replaces them by constants when it builds.
      /\bprocess\s*\.\s*env\b(?!\.(NODE_ENV|MCPHUB_BASE_PATH)\b)/.test(withoutComments(text)) &&
      !environmentReaders.has(path)
        ? [`${path} reads process.env`]
        : [],
    planted: { 'lib/db/index.ts': 'export const url = process.env.DATABASE_URL;' },
  },
  {
    name: 'nothing opens a connection but the guarded client, and what reaches a part of the hub itself',
    binds: /^((app|lib|worker)\/|proxy\.ts$|scripts\/(launcher|audit))/,
    check: (file) => (Object.hasOwn(connecting, file.path) ? [] : connectorsOf(file)),
    planted: { 'worker/jobs/report.ts': "import { request } from 'undici';\nvoid request('https://example.org');" },
  },
  {
    name: 'the guarded client is asked for by what knows upstreams alone',
    binds: /^(app|lib|worker)\//,
    check: ({ path, values }) =>
      values.includes('worker/upstream/origin-pool.ts') && !path.startsWith('worker/upstream/')
        ? [`${path} opens upstream connections`]
        : [],
    planted: {
      'worker/jobs/report.ts': "import { openOriginPool } from '../upstream/origin-pool';",
      'worker/upstream/origin-pool.ts': 'export const openOriginPool = 1;',
    },
  },
  {
    name: 'tests replace no modules and do not sleep',
    binds: /^tests\/(unit|integration|browser|conformance)\//,
    check: ({ path, text }) =>
      [
        ...withoutComments(text).matchAll(
          /\bvi\.(mock|doMock)\b|\bawait (delay|sleep|wait|setTimeout)\(|waitForTimeout\(/g,
        ),
      ].map(([found]) => `${path}: ${found}`),
    planted: { 'tests/unit/a.test.ts': "vi.mock('./b');" },
  },
  {
    name: 'every export of an actions.ts is made by defineAction [T-NEXT-02]',
    binds: /^app\/.*\/actions\.ts$/,
    check: (file) => exportsNotMadeBy(file, 'defineAction'),
    planted: { 'app/keys/actions.ts': "'use server';\nexport async function createKey() {}" },
  },
  {
    name: 'every method of a REST route is made by route()',
    binds: /^app\/api\/v1\/.*\/route\.ts$/,
    check: (file) => exportsNotMadeBy(file, 'route', 'refuseOthers'),
    planted: { 'app/api/v1/keys/route.ts': 'export const GET = async () => new Response();' },
  },
  {
    name: 'a REST route answers every method, those that it does not have too',
    binds: /^app\/api\/v1\/.*\/route\.ts$/,
    check: unansweredMethods,
    planted: { 'app/api/v1/keys/route.ts': 'export const GET = route(list);' },
  },
];

let knownCycles: { tree: SourceTree; chains: string[][] } | undefined;

function cyclesOf(tree: SourceTree): string[][] {
  if (knownCycles?.tree !== tree) knownCycles = { tree, chains: cycles(tree) };
  return knownCycles.chains;
}

/** A form made of a schema is recursive by nature: a field may hold fields. */
function isOneFolderOfComponents(chain: string[]): boolean {
  return new Set(chain.map((path) => dirname(path))).size === 1 && chain.every((path) => path.endsWith('.tsx'));
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*/g, '');
}

/** Exported values that are not `export const name = maker(…)`; types and plain route settings do not count. */
function exportsNotMadeBy({ path, program }: SourceFile, ...makers: string[]): string[] {
  return program.body.flatMap((statement) => {
    if (statement.type === 'ExportDefaultDeclaration' || statement.type === 'ExportAllDeclaration') {
      return [`${path}: ${statement.type}`];
    }
    if (statement.type !== 'ExportNamedDeclaration' || statement.exportKind === 'type') return [];
    const { declaration } = statement;
    if (!declaration) return [`${path}: export {…}`];
    if (declaration.type.startsWith('TS')) return [];
    if (declaration.type !== 'VariableDeclaration') return [`${path}: ${declaration.type}`];
    return declaration.declarations.flatMap(({ id, init }) => {
      const name = id.type === 'Identifier' ? id.name : '{…}';
      const isMade =
        init?.type === 'CallExpression' && init.callee.type === 'Identifier' && makers.includes(init.callee.name);
      return isMade || init?.type === 'Literal' ? [] : [`${path}: ${name}`];
    });
  });
}

const restMethods = ['DELETE', 'GET', 'PATCH', 'POST', 'PUT'];

function unansweredMethods({ path, program }: SourceFile): string[] {
  const exported = program.body.flatMap((statement) => {
    if (statement.type !== 'ExportNamedDeclaration' || statement.declaration?.type !== 'VariableDeclaration') return [];
    return statement.declaration.declarations.flatMap(({ id }) => {
      if (id.type === 'Identifier') return [id.name];
      if (id.type !== 'ObjectPattern') return [];
      return id.properties.flatMap((each) =>
        each.type === 'Property' && each.key.type === 'Identifier' ? [each.key.name] : [],
      );
    });
  });
  return restMethods.filter((method) => !exported.includes(method)).map((method) => `${path}: ${method}`);
}

function violations(rule: Rule, tree: SourceTree): string[] {
  const bound = [...tree.values()].filter((file) => rule.binds.test(file.path));
  if (bound.length === 0) throw new Error(`nothing to check: no file matches ${rule.binds}`);
  return bound.flatMap((file) => rule.check(file, tree));
}

function plant(files: Record<string, string>, check: (dir: string) => void): void {
  const dir = mkdtempSync(join(tmpdir(), 'architecture-'));
  try {
    for (const [name, source] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, name)), { recursive: true });
      writeFileSync(join(dir, name), source);
    }
    check(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const tree = readTree(root, places);

function fileAt(path: string): SourceFile {
  const file = tree.get(path);
  if (!file) throw new Error(`there is no ${path}`);
  return file;
}

describe('the sources', () => {
  for (const rule of rules) {
    it(rule.name, () => expect(violations(rule, tree)).toEqual([]));
  }
});

describe('the list of files that may open connections', () => {
  it('names files that do, and no others', () => {
    expect(Object.keys(connecting).filter((path) => connectorsOf(fileAt(path)).length === 0)).toEqual([]);
  });

  it.each([
    "import { fetch as load } from 'undici';",
    "import { Pool } from 'undici';",
    "import http from 'node:http';",
    "import * as https from 'https';",
    "import { get } from 'node:https';",
    "import { connect } from 'node:tls';",
    "const { request } = await import('undici');",
    "await fetch('https://example.org');",
    "new WebSocket('wss://example.org');",
    "import got from 'got';",
  ])('finds %s, and types, servers and errors are free', (line) => {
    const free =
      "import type { Agent } from 'node:http';\nimport { createServer, type ServerResponse } from 'node:http';\n" +
      "import { errors, type Dispatcher } from 'undici';\nfetchDocument(1); // fetch(x)\nthis.fetch(1);\n";
    plant({ 'lib/a.ts': free + line, 'lib/b.ts': free }, (dir) => {
      const [bad, good] = [...readTree(dir, places).values()];
      expect(bad && connectorsOf(bad)).toHaveLength(1);
      expect(good && connectorsOf(good)).toEqual([]);
    });
  });
});

describe('the checks bite', () => {
  for (const rule of rules) {
    it(`${rule.name}: a planted violation is found, an empty tree fails`, () => {
      plant(rule.planted, (dir) => expect(violations(rule, readTree(dir, places))).not.toEqual([]));
      plant({}, (dir) => expect(() => violations(rule, readTree(dir, places))).toThrow('nothing to check'));
    });
  }
});

const read = (name: string) => readFileSync(join(root, name), 'utf8');
const settings = Object.keys(envSchema.shape);

/** First cells of the rows of the Markdown table under a heading, each row as its cells without backticks. */
function table(markdown: string, heading: string): string[][] {
  const section = markdown.split(new RegExp(`^#+ ${heading}$`, 'm'))[1]?.split(/^#/m)[0] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

/** Paths in backticks that begin with a folder of the tree, or are files of its root. */
function pathsIn(markdown: string): string[] {
  const spans = [...markdown.matchAll(/`([^`\s]+)`/g)].map((match) => match[1] ?? '');
  return spans.filter(
    (span) =>
      /^(\.ci|app|lib|worker|drizzle|scripts|tests|deploy|public)\/[\w./@()[\]-]*$/.test(span) ||
      /^[\w.-]+\.(md|ts|mjs|json|yml)$/.test(span),
  );
}

/** Made by users or by a build. */
const notInTheTree = new Set(['mcp.json', '.mcp.json', 'claude_desktop_config.json']);

/** A name without a folder, e.g. `schema.ts`, may be that of any file. */
function deadPaths(markdown: string): string[] {
  const names = new Set([...tree.keys()].map((path) => basename(path)));
  return pathsIn(markdown).filter(
    (path) => !notInTheTree.has(path) && !existsSync(join(root, path)) && !names.has(path),
  );
}

describe('the documents', () => {
  it('.env.example names every setting, and no other', () => {
    const keys = [...read('.env.example').matchAll(/^#?\s?([A-Z][A-Z0-9_]+)=/gm)].map((match) => match[1]);
    expect(keys.sort()).toEqual([...settings].sort());
  });

  it('the settings table of README.md names every setting with its meaning, and no other', () => {
    const rows = table(read('README.md'), 'Settings').map(([name, , meaning]) => [name, meaning]);
    const expected = Object.entries(envSchema.shape).map(([name, schema]) => [name, schema.description]);
    expect(rows.sort()).toEqual(expected.sort());
  });

  it('README.md and .env.example say which settings may come from a file', () => {
    for (const key of fileSettings) {
      expect(read('README.md')).toContain(`\`${key}_FILE\``);
      expect(read('.env.example')).toContain(`${key}_FILE`);
    }
  });

  it('the error table of README.md equals the one in lib/errors.ts', () => {
    const rows = table(read('README.md'), 'Errors');
    const expected = Object.entries(errorTable).map(([code, row]) => [
      code,
      String(row.status),
      String(row.rpc),
      row.text,
    ]);
    expect(rows.sort()).toEqual(expected.sort());
  });

  for (const name of ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md']) {
    it(`paths in ${name} exist`, () => {
      expect(pathsIn(read(name)).length).toBeGreaterThan(0);
      expect(deadPaths(read(name))).toEqual([]);
    });
  }

  it('a path that does not exist is found', () => {
    expect(deadPaths('see `lib/no-such-file.ts`')).toEqual(['lib/no-such-file.ts']);
  });
});
