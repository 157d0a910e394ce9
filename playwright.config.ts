// Whole journeys in a real Chromium against the built hub; each file boots its own. `npm test` names the browser.
import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: 'tests/browser',
  // Whole files side by side: each waits for its hub half of the time.
  workers: 2,
  timeout: 120_000,
  expect: { timeout: 10_000 },
  reporter: process.env.PLAYWRIGHT_JSON_OUTPUT_FILE ? [['list'], ['json']] : 'list',
  outputDir: 'test-results',
  use: {
    viewport: { width: 1280, height: 800 },
    trace: 'off', // `--trace retain-on-failure` when one is wanted: each step would cost a picture of the page
    contextOptions: { reducedMotion: 'reduce' },
    launchOptions: {
      executablePath: process.env.MCPHUB_TEST_CHROMIUM ?? '/usr/bin/chromium',
      // The browser shall call nobody but the hub.
      args: [
        '--no-sandbox',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
      ],
    },
  },
});
