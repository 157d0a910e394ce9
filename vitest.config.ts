// Three projects: `unit` needs nothing and takes seconds, `integration` uses real databases, processes and sockets,
// `conformance` holds a whole hub against the official suite, a corpus and a fuzzer.
// tests/browser belongs to Playwright. `npm test` starts what the integration tests need, see scripts/test.
import { defineConfig } from 'vitest/config';

const root = import.meta.dirname;
const shared = { resolve: { alias: { '@/': `${root}/` } }, root };

export default defineConfig({
  test: {
    // Integration files start whole hubs, which wait a third of the time; four at once only slow each other down.
    maxWorkers: 3,
    projects: [
      {
        ...shared,
        test: {
          name: 'unit',
          include: ['tests/unit/**/*.test.{ts,tsx}', 'tests/architecture.test.ts'],
          testTimeout: 60_000, // only guards against hanging: the machine may be busy
        },
      },
      {
        ...shared,
        test: {
          name: 'integration',
          include: ['tests/integration/**/*.test.ts'],
          pool: 'forks',
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        ...shared,
        test: {
          name: 'conformance',
          include: ['tests/conformance/**/*.test.ts'],
          pool: 'forks',
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
