// Known faults of the packages that the hub runs with, as the registry tells them. High and critical ones fail `npm test`
// unless somebody has looked at them: then they stand here, with a reason and a day on which to look again.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface AllowedAdvisory {
  /** As in its URL, e.g. GHSA-xxxx-xxxx-xxxx. */
  id: string;
  package: string;
  /** Why it does no harm here. */
  why: string;
  /** The last day on which it is allowed, YYYY-MM-DD. */
  until: string;
}

export const allowedAdvisories: AllowedAdvisory[] = [];

interface Advisory {
  name: string;
  title: string;
  url: string;
  severity: string;
}

interface AuditReport {
  auditReportVersion?: number;
  /** A string in `via` names another package of the report. */
  vulnerabilities?: Record<string, { via: (Advisory | string)[] }>;
  message?: string;
  error?: { summary?: string; code?: string };
}

export type Verdict = { faults: string[] } | { missing: string };

const failing = new Set(['high', 'critical']);

/**
 * @param output of `npm audit --omit=dev --json`
 * @param today YYYY-MM-DD
 * @returns a sentence for each advisory that is not allowed, and for each entry of the list that has no use any more; or
 *   why nothing could be found out
 */
export function judgeAdvisories(output: string, allowed: readonly AllowedAdvisory[], today: string): Verdict {
  let report: AuditReport;
  try {
    report = JSON.parse(output) as AuditReport;
  } catch {
    return { missing: `npm audit gave no JSON: ${output.trim().slice(0, 200) || 'nothing'}` };
  }
  if (report.auditReportVersion !== 2 || !report.vulnerabilities) {
    const why = report.error?.summary || report.message || report.error?.code || 'its answer is not known here';
    return { missing: `the registry was not asked: ${why.slice(0, 200)}` };
  }
  const found = new Map<string, Advisory>();
  for (const { via } of Object.values(report.vulnerabilities)) {
    for (const each of via) if (typeof each !== 'string' && failing.has(each.severity)) found.set(idOf(each), each);
  }
  const faults = [...found].flatMap(([id, { name, severity, title, url }]) => {
    const entry = allowed.find((each) => each.id === id && each.package === name);
    if (entry && entry.until >= today) return [];
    const expired = entry ? `, allowed until ${entry.until} only` : '';
    return [`${name}: ${severity}: ${title} (${url})${expired}`];
  });
  const idle = allowed.filter(({ id }) => !found.has(id));
  return { faults: [...faults, ...idle.map(({ id }) => `${id} is allowed, but no package has it any more`)] };
}

function idOf({ url }: Advisory): string {
  return url.split('/').at(-1) ?? url;
}

/** How to ask, as arguments of node; null where there is no npm to be found. */
export function auditCommand(): string[] | null {
  const beside = join(dirname(dirname(process.execPath)), 'lib/node_modules/npm/bin/npm-cli.js');
  const npm = [process.env.npm_execpath, beside].find((path) => path && /\.c?js$/.test(path) && existsSync(path));
  return npm ? [npm, 'audit', '--omit=dev', '--json', '--fetch-retries=0', '--fetch-timeout=20000'] : null;
}
