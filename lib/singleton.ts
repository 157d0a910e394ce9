// One value per process and name. Next bundles a lib module up to three times into one process (route handlers,
// pages, instrumentation), so a module-level `const pool = …` would exist three times; globalThis exists once.

const registry = Symbol.for('mcphub.singletons');

type Registry = Map<string, unknown>;

/**
 * Returns the process-wide value called `name`, made by `make` on the first call.
 * A promise may be stored too: concurrent first callers then share it.
 */
export function singleton<T>(name: string, make: () => T): T {
  const holder = globalThis as { [registry]?: Registry };
  holder[registry] ??= new Map();
  const values = holder[registry];
  if (!values.has(name)) values.set(name, make());
  return values.get(name) as T;
}
