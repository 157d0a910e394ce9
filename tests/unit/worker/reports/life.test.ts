import { expect, it } from 'vitest';
import { serverLifeSchema } from '../../../../lib/diagnosis/schema';
import { addTo, emptyLife } from '../../../../worker/reports/life';
import type { Observation } from '../../../../worker/supervisor/types';

const at = '2026-01-01T00:00:00.000Z';

function lifeOf(...observations: Observation[]) {
  const life = emptyLife(at);
  for (const observation of observations) addTo(life, observation, 0, at);
  return serverLifeSchema.parse(life);
}

it('ends are counted by reason, and only runs that were ready count for the time up', () => {
  const life = lifeOf(
    { kind: 'ended', reason: 'exited', upMs: 100 },
    { kind: 'ended', reason: 'memory-limit', upMs: 300 },
    { kind: 'restarted' },
    { kind: 'ended', reason: 'exited', upMs: null },
    { kind: 'restarted' },
  );
  expect(life).toMatchObject({ exits: { exited: 2, 'memory-limit': 1 }, up: { runs: 2, totalMs: 400 }, restarts: 2 });
});

it('the time of the first listing belongs to the start before it', () => {
  const started = { kind: 'started', spawnMs: 1, firstByteMs: 20, initializeMs: 30 } as const;
  expect(lifeOf(started, { kind: 'listed', ms: 40 }, { kind: 'listed', ms: 90 }, started).starts).toMatchObject([
    { listedMs: 40 },
    { listedMs: null },
  ]);
});

it('the same question in vain is told once, with how often', () => {
  const life = lifeOf(
    { kind: 'in-vain', message: 'a' },
    { kind: 'in-vain', message: 'a' },
    { kind: 'in-vain', message: 'b' },
  );
  expect(life.inVain.map(({ message, times }) => [message, times])).toEqual([
    ['a', 2],
    ['b', 1],
  ]);
});

it('a server that does everything without end takes no more room', () => {
  const life = emptyLife(at);
  for (let count = 0; count < 1000; count += 1) {
    addTo(life, { kind: 'moved', state: 'retrying', reason: 'exited', message: 'x'.repeat(10_000) }, 0, at);
    addTo(life, { kind: 'started', spawnMs: 1, firstByteMs: 2, initializeMs: 3 }, 0, at);
    addTo(life, { kind: 'in-vain', message: `asked ${count}` }, 0, at);
    addTo(life, { kind: 'ended', reason: `reason-${count}`, upMs: 1 }, 0, at);
  }
  expect(life.events).toHaveLength(50);
  expect(life.starts).toHaveLength(20);
  expect(JSON.stringify(life).length).toBeLessThan(64 * 1024);
  expect(Object.values(life.exits).reduce((sum, each) => sum + each)).toBe(1000);
});
