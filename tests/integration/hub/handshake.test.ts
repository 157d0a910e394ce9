// A program that ends while the hub gets to know it: at whichever step, it is said which one, it is tried again, and
// nothing of it is left running.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { root } from '../../../scripts/prepare.mjs';
import { type Hub, startHub } from '../../support/hub';
import { openSession, statuses } from '../../support/hub-client';
import { until } from '../../support/until';
import { running } from '../../support/workers';

const program = join(root, 'tests/support/servers/dying.mjs');
const mark = `dying-${process.pid}`;
const markOf = (era: string, step: string) => `${mark}-${era}-${step}-`;
const server = (era: string, step: string) => {
  return { command: process.execPath, args: [program, era, step, markOf(era, step)], era };
};

const atList = 'The program ended with exit code 7 while it was asked for "tools/list".';
const expected: [era: string, step: string, message: string][] = [
  ['legacy', 'start', 'The program ended with exit code 7 before it answered "initialize".'],
  ['legacy', 'asked', 'The program ended with exit code 7 before it answered "initialize".'],
  ['legacy', 'answered', 'exit code 7'],
  ['legacy', 'list', atList],
  ['legacy', 'page', atList],
  ['modern', 'start', 'The program ended with exit code 7 before it answered "server/discover".'],
  ['modern', 'asked', 'The program ended with exit code 7 before it answered "server/discover".'],
  ['modern', 'answered', 'exit code 7'],
  ['modern', 'list', atList],
  ['modern', 'page', atList],
];
const nameOf = (era: string, step: string) => `${era}-${step}`;

let hub: Hub;

beforeAll(async () => {
  const dying = expected.map(([era, step]) => [nameOf(era, step), server(era, step)]);
  const good = ['legacy', 'modern'].map((era) => [`${era}-good`, server(era, 'never')]);
  hub = await startHub({ config: { mcpServers: Object.fromEntries([...dying, ...good]) } });
});

afterAll(async () => {
  await hub?.stop();
  expect(running(mark)).toEqual([]);
});

it.each(expected)(
  'a %s server that ends at "%s" is shown with that step and tried again',
  async (era, step, message) => {
    let shown: unknown;
    await until(
      async () => {
        const status = (await statuses(hub))[nameOf(era, step)];
        shown = status;
        const [instance] = status?.instances ?? [];
        return `${instance?.message} ${status?.message}`.includes(message) && (instance?.restarts ?? 0) >= 1;
      },
      30_000,
      () => JSON.stringify(shown),
    );
    expect(running(markOf(era, step)).length).toBeLessThanOrEqual(1);
  },
);

it('and hides no tool of the good ones', async () => {
  const session = await openSession(hub);
  await until(async () => {
    const tools = await session.tools();
    return ['legacy', 'modern'].every((era) => tools.includes(`${era}-good__second`));
  }, 20_000);
});
