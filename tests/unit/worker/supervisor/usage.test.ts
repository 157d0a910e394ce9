import { describe, expect, it } from 'vitest';
import type { InstanceUsage } from '../../../../worker/supervisor/limits';
import type { TreeUsage } from '../../../../worker/supervisor/process-tree';
import { createUsageWatch, type Watched } from '../../../../worker/supervisor/usage';

function watchOf(limits: Watched['limits'], cpuWindowMs = 30_000) {
  let nowMs = 0;
  let looks = 0;
  let tree: TreeUsage = { rssBytes: 0, cpuSeconds: 0, processes: 1 };
  const seen: InstanceUsage[] = [];
  const stops: string[] = [];
  const instance = {
    marker: 'm',
    pid: 1 as number | null,
    limits,
    measured: (usage: InstanceUsage) => void seen.push(usage),
    stopFor: ({ message }: { message: string }) => void stops.push(message),
  };
  const usage = async () => {
    looks += 1;
    return new Map([['m', tree]]);
  };
  const measure = createUsageWatch({ trees: { usage }, monotonic: () => nowMs, cpuWindowMs });
  const at = async (ms: number, change: Partial<TreeUsage>) => {
    nowMs = ms;
    tree = { ...tree, ...change };
    await measure([instance]);
    return seen.at(-1);
  };
  return { instance, at, seen, stops, looks: () => looks };
}

describe('what servers use', () => {
  it('is not measured while none runs', async () => {
    const { instance, at, looks } = watchOf({});
    instance.pid = null;
    await at(0, {});
    expect(looks()).toBe(0);
  });

  it('never runs back when a child ends that nobody waited for, and begins anew with a new run', async () => {
    const { instance, at } = watchOf({});
    await at(0, { cpuSeconds: 5 });
    expect(await at(1_000, { cpuSeconds: 2 })).toMatchObject({ cpuSeconds: 5, cpuPercent: 0 });
    expect(await at(2_000, { cpuSeconds: 3 })).toMatchObject({ cpuSeconds: 6, cpuPercent: 50 });
    instance.pid = 2;
    expect(await at(3_000, { cpuSeconds: 1 })).toMatchObject({ cpuSeconds: 1, cpuPercent: 0 });
  });

  it('stops a server for its processor when the mean of the whole window is over the limit, not for a peak', async () => {
    const { at, stops } = watchOf({ cpuPercent: 50 });
    for (let second = 0; second <= 10; second += 1) await at(second * 1_000, { cpuSeconds: second });
    for (let second = 11; second <= 40; second += 1) await at(second * 1_000, { cpuSeconds: 10 });
    expect(stops).toEqual([]);
    for (let second = 41; second <= 57; second += 1) await at(second * 1_000, { cpuSeconds: second - 30 });
    expect(stops).toEqual(['processor: 54 % of 50 % over 30 s', 'processor: 57 % of 50 % over 30 s']);
  });

  it('may be exactly as much as the limit', async () => {
    const { at, stops } = watchOf({ memoryMb: 512, processes: 3, cpuSeconds: 2 });
    await at(0, { rssBytes: 512 * 1024 * 1024, processes: 3, cpuSeconds: 2 });
    expect(stops).toEqual([]);
    await at(1_000, { rssBytes: 512 * 1024 * 1024 + 1 });
    expect(stops).toEqual(['memory: 513 MB of 512 MB']);
  });
});
