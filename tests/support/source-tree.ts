// The sources as data for the architecture test: files, what each imports, and its directive. TypeScript 7 has no JS
// API, so oxc-parser reads them. Type imports count: a direction is a direction. Not seen: require().
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, posix, relative } from 'node:path';
import { type ParseResult, parseSync } from 'oxc-parser';

export interface SourceFile {
  /** Relative to the root of the tree, with slashes. */
  path: string;
  text: string;
  program: ParseResult['program'];
  /** Files of the tree by path (without ending when there is no such file), and packages by the name as written. */
  imports: string[];
  /** Those that are more than types, and so get into a bundle. */
  values: string[];
  directive: 'use client' | 'use server' | null;
}

export type SourceTree = Map<string, SourceFile>;

const endings = ['', '.ts', '.tsx', '.mts', '/index.ts', '/index.tsx'];

/** Reads the TypeScript files in the given folders of `root`, and files that are named themselves. */
export function readTree(root: string, places: string[]): SourceTree {
  const tree: SourceTree = new Map();
  const add = (path: string) => {
    const full = join(root, path);
    if (!existsSync(full)) return;
    if (statSync(full).isDirectory()) {
      for (const name of readdirSync(full)) if (name !== 'node_modules') add(posix.join(path, name));
    } else if (/\.m?tsx?$/.test(path) && !path.endsWith('.d.mts')) {
      tree.set(path, readSource(root, path));
    }
  };
  for (const place of places) add(place);
  return tree;
}

function readSource(root: string, path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8');
  const { module, errors, program } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  const dynamic = module.dynamicImports.map(({ moduleRequest }) => text.slice(moduleRequest.start, moduleRequest.end));
  const entries = [
    ...module.staticImports.map((each) => ({
      specifier: each.moduleRequest.value,
      isType: each.entries.length > 0 && each.entries.every((entry) => entry.isType),
    })),
    ...module.staticExports.flatMap((each) =>
      each.entries.map((entry) => ({ specifier: entry.moduleRequest?.value, isType: entry.isType })),
    ),
    // A computed import cannot be followed.
    ...dynamic
      .filter((written) => /^(['"]).*\1$/.test(written))
      .map((written) => ({ specifier: written.slice(1, -1), isType: false })),
    // import('…').Type
    ...[...text.matchAll(/\bimport\((['"])([^'"]+)\1\)\./g)].map((match) => ({ specifier: match[2], isType: true })),
  ];
  const resolved = entries.flatMap(({ specifier, isType }) =>
    specifier === undefined ? [] : { target: resolveImport(root, path, specifier), isType },
  );
  const imports = [...new Set(resolved.map(({ target }) => target))];
  const values = [...new Set(resolved.filter(({ isType }) => !isType).map(({ target }) => target))];
  const directive = /^(?:\s|\/\/.*|\/\*[\s\S]*?\*\/)*(['"])(use client|use server)\1/.exec(text)?.[2];
  return { path, text, program, imports, values, directive: (directive as SourceFile['directive']) ?? null };
}

function resolveImport(root: string, from: string, specifier: string): string {
  if (!specifier.startsWith('.') && !specifier.startsWith('@/')) return specifier;
  const base = specifier.startsWith('@/') ? specifier.slice(2) : posix.join(posix.dirname(from), specifier);
  const found = endings
    .map((ending) => join(root, base + ending))
    .find((file) => existsSync(file) && statSync(file).isFile());
  if (!found) return base;
  return relative(root, found).replaceAll('\\', '/');
}

export interface Walk {
  /** Which files to follow; what is not followed is still reached itself. */
  through?: (file: SourceFile) => boolean;
  /** Follow only what gets into a bundle. */
  valuesOnly?: boolean;
}

/** Everything reachable from a file, each with the way there, so that a failure names the whole chain. */
export function reach(tree: SourceTree, from: string, { through = () => true, valuesOnly = false }: Walk = {}) {
  const trails = new Map<string, string[]>();
  const visit = (path: string, trail: string[]) => {
    const file = tree.get(path);
    if (!file || (trail.length > 1 && !through(file))) return;
    for (const target of valuesOnly ? file.values : file.imports) {
      if (trails.has(target)) continue;
      trails.set(target, [...trail, target]);
      visit(target, [...trail, target]);
    }
  };
  visit(from, [from]);
  return trails;
}

/** Cycles of imports, each once, as a chain that begins and ends with the same file. */
export function cycles(tree: SourceTree): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: string[]) => {
    const at = trail.indexOf(path);
    if (at >= 0) {
      found.push([...trail.slice(at), path]);
      return;
    }
    if (done.has(path)) return;
    for (const target of tree.get(path)?.imports ?? []) if (tree.has(target)) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of tree.keys()) visit(path, []);
  return found;
}
