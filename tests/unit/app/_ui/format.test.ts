import { describe, expect, it } from 'vitest';
import { formatBytes, formatCount, formatDuration, formatRelative, plural } from '../../../../app/_ui/format';

describe('formatDuration', () => {
  it.each([
    [0, '0 ms'],
    [0.4321, '0.432 ms'],
    [0.001, '<0.01 ms'],
    [128.4, '128 ms'],
    [999.6, '1 s'],
    [1_284, '1.28 s'],
    [93_000, '1.55 min'],
    [7_200_000, '2 h'],
  ])('shows %d ms as %s', (ms, expected) => {
    const { value, unit } = formatDuration(ms);
    expect(`${value} ${unit}`).toBe(expected);
  });
});

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [1_023, '0.999 KiB'],
    [82_345_678, '78.5 MiB'],
    [5 * 1024 ** 4, '5120 GiB'],
  ])('shows %d bytes as %s', (bytes, expected) => {
    const { value, unit } = formatBytes(bytes);
    expect(`${value} ${unit}`).toBe(expected);
  });
});

describe('formatCount', () => {
  it.each([
    [9_999, '9,999'],
    [12_345, '12.3k'],
    [999_600, '1M'],
  ])('shows %d as %s', (count, expected) => {
    const { value, unit } = formatCount(count);
    expect(value + unit).toBe(expected);
  });
});

describe('formatRelative', () => {
  const now = Date.parse('2030-01-01T12:00:00Z');
  it.each([
    [-2, 'now'],
    [-30, '30 sec. ago'],
    [-180, '3 min. ago'],
    [7_200, 'in 2 hr.'],
    [-86_400, 'yesterday'],
  ])('shows %d seconds from now as %s', (seconds, expected) => {
    expect(formatRelative(now + seconds * 1_000, now)).toBe(expected);
  });
});

it('plural counts in words', () => {
  expect([plural(0, 'server'), plural(1, 'server'), plural(1_200, 'server')]).toEqual([
    '0 servers',
    '1 server',
    '1,200 servers',
  ]);
});
