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
  const specifiers = [
    ...module.staticImports.map((entry) => entry.moduleRequest.value),
    ...module.staticExports.flatMap(({ entries }) => entries.flatMap((entry) => entry.moduleRequest?.value ?? [])),
    // A computed import cannot be followed.
    ...dynamic.filter((written) => /^(['"]).*\1$/.test(written)).map((written) => written.slice(1, -1)),
    ...[...text.matchAll(/\bimport\((['"])([^'"]+)\1\)\./g)].map((match) => match[2] ?? ''), // import('…').Type
  ];
  const imports = [...new Set(specifiers)].map((specifier) => resolveImport(root, path, specifier));
  const directive = /^(?:\s|\/\/.*|\/\*[\s\S]*?\*\/)*(['"])(use client|use server)\1/.exec(text)?.[2];
  return { path, text, program, imports, directive: (directive as SourceFile['directive']) ?? null };
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

/**
 * Everything reachable from a file, each with the way there, so that a failure names the whole chain.
 * @param through which files to follow; what is not followed is still reached itself
 */
export function reach(tree: SourceTree, from: string, through: (file: SourceFile) => boolean = () => true) {
  const trails = new Map<string, string[]>();
  const visit = (path: string, trail: string[]) => {
    const file = tree.get(path);
    if (!file || (trail.length > 1 && !through(file))) return;
    for (const target of file.imports) {
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
