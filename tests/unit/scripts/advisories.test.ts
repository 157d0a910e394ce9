import { describe, expect, it } from 'vitest';
import { type AllowedAdvisory, allowedAdvisories, judgeAdvisories } from '../../../scripts/test/advisories';

const advisory = (name: string, id: string, severity: string) => ({
  name,
  severity,
  title: `a fault of ${name}`,
  url: `https://github.com/advisories/${id}`,
});
const report = (...via: (ReturnType<typeof advisory> | string)[]) =>
  JSON.stringify({ auditReportVersion: 2, vulnerabilities: { one: { via }, two: { via: ['one'] } } });
const allowed: AllowedAdvisory[] = [{ id: 'GHSA-a', package: 'left', why: 'not reached', until: '2026-06-30' }];

describe('known faults of packages', () => {
  it('fail when they are high or critical, and only then [T-SUPPLY-01]', () => {
    const text = report(advisory('left', 'GHSA-a', 'critical'), advisory('right', 'GHSA-b', 'high'), 'left');
    expect(judgeAdvisories(text, [], '2026-01-01')).toEqual({
      faults: [
        'left: critical: a fault of left (https://github.com/advisories/GHSA-a)',
        'right: high: a fault of right (https://github.com/advisories/GHSA-b)',
      ],
    });
    const lesser = report(advisory('left', 'GHSA-a', 'moderate'), advisory('right', 'GHSA-b', 'low'));
    expect(judgeAdvisories(lesser, [], '2026-01-01')).toEqual({ faults: [] });
  });

  it('pass while they are allowed, and fail from the day after', () => {
    const text = report(advisory('left', 'GHSA-a', 'high'));
    expect(judgeAdvisories(text, allowed, '2026-06-30')).toEqual({ faults: [] });
    expect(judgeAdvisories(text, allowed, '2026-07-01')).toEqual({
      faults: [expect.stringContaining('allowed until 2026-06-30 only')],
    });
    const other = report(advisory('other', 'GHSA-a', 'high'));
    expect(judgeAdvisories(other, allowed, '2026-01-01')).toEqual({ faults: [expect.stringContaining('other: high')] });
  });

  it('that are allowed and gone are to be taken off the list', () => {
    expect(judgeAdvisories(report(), allowed, '2026-01-01')).toEqual({
      faults: ['GHSA-a is allowed, but no package has it any more'],
    });
  });

  it.each([
    ['', /gave no JSON: nothing/],
    ['npm error network', /gave no JSON: npm error network/],
    ['{"message":"405 Method Not Allowed"}', /not asked: 405 Method Not Allowed/],
    ['{"error":{"code":"ENOTFOUND","summary":"no such host"}}', /not asked: no such host/],
    ['{"auditReportVersion":3,"vulnerabilities":{}}', /not known here/],
  ])('are unknown after %j, which is said and passes for nothing', (output, why) => {
    expect(judgeAdvisories(output, [], '2026-01-01')).toEqual({ missing: expect.stringMatching(why) });
  });

  it('that are allowed have a reason and a day', () => {
    for (const { id, why, until } of allowedAdvisories) {
      expect([id, why, until]).toEqual([
        expect.stringMatching(/^GHSA-/),
        expect.stringMatching(/\w{3}/),
        expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
      ]);
    }
  });
});
