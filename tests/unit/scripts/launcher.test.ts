import { describe, expect, it } from 'vitest';
import { createBackOff } from '../../../scripts/launcher/back-off';
import { complaintOf, readable } from '../../../scripts/launcher/output';
import { unknownSettings } from '../../../scripts/launcher/unknown-settings';

describe('the delay before a program starts again', () => {
  const withoutJitter = () => 0.5;

  it('doubles from half a second up to 30 s', () => {
    const backOff = createBackOff(withoutJitter);
    const delays = Array.from({ length: 9 }, () => backOff.next(100));
    expect(delays).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });

  it('begins anew after the program ran for 30 s', () => {
    const backOff = createBackOff(withoutJitter);
    backOff.next(100);
    backOff.next(100);
    expect(backOff.next(30_000)).toBe(500);
    expect(backOff.next(100)).toBe(1000);
  });

  it('varies by a fifth, so that programs do not restart in step', () => {
    expect(createBackOff(() => 0).next(0)).toBe(400);
    expect(createBackOff(() => 1).next(0)).toBe(600);
  });
});

describe('log lines on a terminal', () => {
  const line = JSON.stringify({ level: 40, time: '2026-01-02T03:04:05Z', program: 'worker', msg: 'slow', tools: 3 });

  it('show time, program, level, text and the further fields', () => {
    expect(readable('worker', line, false)).toMatch(/^\d\d:\d\d:\d\d worker {3}warning slow tools=3$/);
  });

  it('show what is not a log record as it came', () => {
    expect(readable('web', '▲ Next.js', false)).toMatch(/^ +web +▲ Next.js$/);
    expect(readable('web', '{"level": broken', false)).toContain('{"level": broken');
  });

  it('give an error its message when the launcher asks for the reason of an end', () => {
    const fatal = JSON.stringify({ level: 60, msg: 'the database cannot start', err: { message: 'disk full' } });
    expect(complaintOf(fatal)).toBe('the database cannot start: disk full');
    expect(complaintOf(line)).toBeNull();
  });
});

describe('a setting that does not exist', () => {
  it('is named, with the one that was meant', () => {
    expect(unknownSettings(['MCPHUB_DATADIR', 'MCPHUB_DATA_DIR', 'PATH'])).toEqual([
      'MCPHUB_DATADIR is no setting and has no effect: did you mean MCPHUB_DATA_DIR?',
    ]);
    expect(unknownSettings(['MCPHUB_COLOUR_OF_THE_SKY'])).toEqual([
      'MCPHUB_COLOUR_OF_THE_SKY is no setting and has no effect.',
    ]);
  });

  it('is not reported for files of secrets and for names of the tests', () => {
    expect(unknownSettings(['MCPHUB_MASTER_KEY_FILE', 'MCPHUB_TEST_REQUIRE', 'MCPHUB_INSTANCE'])).toEqual([]);
  });
});
