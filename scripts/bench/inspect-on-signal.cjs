// Loaded into a program of the hub (NODE_OPTIONS=--require): on SIGUSR2 it collects its garbage and writes down what it
// holds, into MCPHUB_DATA_DIR/held.<pid>.json.
const { renameSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

process.on('SIGUSR2', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  // Finalizers run between two collections, and free what only the second one can take.
  for (let round = 0; round < 4; round += 1) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  const resources = process.getActiveResourcesInfo().length;
  const file = join(process.env.MCPHUB_DATA_DIR ?? '.', `held.${process.pid}.json`);
  writeFileSync(`${file}.new`, JSON.stringify({ rss, heapUsed, external, resources }));
  renameSync(`${file}.new`, file);
});
