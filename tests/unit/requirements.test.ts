// Every demand of the specification, every promise about faults and every threat is cited by a test, or stands in the list of unmet
// ones with a reason.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { faults, requirements, threats, unmet } from '../requirements';

const tests = join(import.meta.dirname, '..');

/** Ids that end a title: `'… [L-RPC-01, N-RPC-01]'`. */
function citedIn(text: string): string[] {
  const ends = text.matchAll(/\[([LNFT]-[A-Z]+-\d\d(?:, [LNFT]-[A-Z]+-\d\d)*)\]['"`]/g);
  return [...ends].flatMap(([, ids]) => ids?.split(', ') ?? []);
}

interface Lists {
  known: string[];
  cited: string[];
  unmet: string[];
}

/** One sentence for each contradiction among the three lists. */
function faultsOf({ known, cited, unmet }: Lists): string[] {
  const twice = (ids: string[]) => ids.filter((id, index) => ids.indexOf(id) !== index);
  return [
    ...twice(known).map((id) => `${id} stands twice in the table`),
    ...known.filter((id) => !cited.includes(id) && !unmet.includes(id)).map((id) => `${id} is cited by no test`),
    ...[...new Set(cited)].filter((id) => !known.includes(id)).map((id) => `${id} is cited but not in the table`),
    ...unmet.filter((id) => !known.includes(id)).map((id) => `${id} is listed as unmet but not in the table`),
    ...unmet.filter((id) => cited.includes(id)).map((id) => `${id} is cited: take it off the list of unmet ones`),
  ];
}

function testFiles(): string[] {
  return readdirSync(tests, { recursive: true, encoding: 'utf8' }).filter(
    (name) => /\.(test|spec)\.tsx?$/.test(name) && name !== 'unit/requirements.test.ts',
  );
}

describe('the demands of the specification, the promises about faults, and the threats', () => {
  it('are each cited by a test or unmet for a reason, and nothing else is cited', () => {
    const files = testFiles();
    expect(files.length).toBeGreaterThan(50);
    const cited = files.flatMap((name) => citedIn(readFileSync(join(tests, name), 'utf8')));
    const known = [...requirements, ...faults, ...threats].map(({ id }) => id);
    expect(faultsOf({ known, cited, unmet: Object.keys(unmet) })).toEqual([]);
  });

  it('have ids of their era, and texts that differ', () => {
    for (const { id, revision } of requirements) {
      expect(id).toMatch(/^[LN]-[A-Z]+-\d\d$/);
      expect([id, id.startsWith('N-')]).toEqual([id, revision === '2026-07-28']);
    }
    for (const { id } of faults) expect(id).toMatch(/^F-[A-Z]+-\d\d$/);
    for (const { id } of threats) expect(id).toMatch(/^T-[A-Z]+-\d\d$/);
  });

  it('are told apart from every kind of fault in the lists', () => {
    expect(citedIn("it('works [L-RPC-01, N-RPC-02]', …); const list = [L-RPC-03];")).toEqual(['L-RPC-01', 'N-RPC-02']);
    const faults = faultsOf({
      known: ['L-A-01', 'L-A-01', 'L-A-02', 'L-A-03', 'L-A-04'],
      cited: ['L-A-01', 'L-A-03', 'L-A-09', 'L-A-09'],
      unmet: ['L-A-03', 'L-A-04', 'L-A-08'],
    });
    expect(faults).toEqual([
      'L-A-01 stands twice in the table',
      'L-A-02 is cited by no test',
      'L-A-09 is cited but not in the table',
      'L-A-08 is listed as unmet but not in the table',
      'L-A-03 is cited: take it off the list of unmet ones',
    ]);
  });
});
