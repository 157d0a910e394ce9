// The test set as text: lines of JSON, or CSV (RFC 4180) with a line of column names. What is written reads back alike.
import { z } from 'zod';
import { unstorableFaults } from '../input';
import { csvCell } from '../telemetry/audit-trail';
import { type CaseFormat, casesMax, type SearchCaseView, searchCaseInputSchema } from './schema';

export interface ReadCase {
  /** Of the text, from 1. */
  line: number;
  query: string;
  expected: string[];
  group: string | null;
  note: string;
}

interface ReadText {
  cases: ReadCase[];
  faults: { line: number; detail: string }[];
}

const columns = ['query', 'expected', 'group', 'note'] as const;
/** Between the tools of a cell: a name may hold spaces and commas. Where one holds this too, the cell is a JSON array. */
const separator = ';';
const faultsMax = 200;

/** What is no entry is told with its line; a request that comes twice counts as it comes last. */
export function readCases(text: string): ReadText {
  const plain = text.replace(/^\uFEFF/, '');
  const isJson = /^\s*\{/.test(plain);
  const cases: ReadCase[] = [];
  const faults: ReadText['faults'] = [];
  for (const { line, value, fault } of isJson ? jsonLines(plain) : csvLines(plain)) {
    if (faults.length >= faultsMax) break;
    if (cases.length >= casesMax) {
      faults.push({ line, detail: `a test set holds at most ${casesMax} entries` });
      break;
    }
    if (fault !== undefined) {
      faults.push({ line, detail: fault });
      continue;
    }
    const parsed = entrySchema.safeParse(value);
    const detail = parsed.success ? unstorableFaults(parsed.data)[0]?.detail : wordsOf(parsed.error);
    if (!parsed.success || detail !== undefined) {
      faults.push({ line, detail: detail ?? 'is no entry' });
      continue;
    }
    const { query, expected, group = null, note = '' } = parsed.data;
    cases.push({ line, query, expected, group, note });
  }
  if (cases.length + faults.length === 0) faults.push({ line: 1, detail: 'there is no entry in this text' });
  return { cases: lastOfEach(cases), faults };
}

/** Also what other programs write: one tool as text, fields that are empty. */
const entrySchema = z.preprocess((value) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { expected, group, note, ...rest } = value as Record<string, unknown>;
  return {
    ...rest,
    expected: typeof expected === 'string' ? toolsOf(expected) : expected,
    ...(group !== undefined && { group: group === '' ? null : group }),
    ...(note !== undefined && note !== null && { note }),
  };
}, searchCaseInputSchema);

/** No name of a server begins like an array. */
function toolsOf(cell: string): unknown {
  if (cell.trimStart().startsWith('[')) {
    try {
      return JSON.parse(cell);
    } catch {
      // Then it is no name of a tool either, and told as such.
    }
  }
  return cell.split(separator).map((ref) => ref.trim());
}

function cellOfTools(expected: readonly string[]): string {
  return expected.some((ref) => ref.includes(separator)) ? JSON.stringify(expected) : expected.join(separator);
}

function wordsOf({ issues: [issue] }: z.ZodError): string {
  if (!issue) return 'is no entry';
  const place = issue.path[0];
  return place === undefined ? issue.message : `${String(place)}: ${issue.message}`;
}

interface Line {
  line: number;
  value?: unknown;
  fault?: string;
}

function* jsonLines(text: string): Generator<Line> {
  let line = 0;
  for (const each of text.split('\n')) {
    line++;
    if (each.trim() === '') continue;
    let value: unknown;
    let fault: string | undefined;
    try {
      value = JSON.parse(each);
    } catch {
      fault = 'is no JSON';
    }
    yield fault === undefined ? { line, value } : { line, fault };
  }
}

function* csvLines(text: string): Generator<Line> {
  const rows = csvRows(text);
  const head = rows.next();
  const names = head.done ? [] : head.value.cells.map((cell) => cell.trim().toLowerCase());
  const unknown = names.find((name) => !columns.some((column) => column === name));
  if (!names.includes('query') || !names.includes('expected') || unknown !== undefined) {
    const detail = `the first line must name the columns: ${columns.join(', ')}`;
    yield {
      line: 1,
      fault: unknown ? `${detail}; there is none named ${JSON.stringify(unknown.slice(0, 40))}` : detail,
    };
    return;
  }
  for (const { line, cells } of rows) {
    if (cells.every((cell) => cell.trim() === '')) continue;
    if (cells.length > names.length) yield { line, fault: 'has more cells than there are columns' };
    else yield { line, value: Object.fromEntries(cells.map((cell, at) => [names[at], withoutGuard(cell)])) };
  }
}

/** A cell with the apostrophe by which a spreadsheet does not run it as a formula, or that looks as if it had that. */
const guarded = /^'+\s*[=+\-@\t\r]/;

function withoutGuard(cell: string): string {
  return guarded.test(cell) ? cell.slice(1) : cell;
}

/** What looks guarded by itself gets one more, to have its own left when it is read. */
function withGuard(text: string): string {
  return guarded.test(text) ? `'${text}` : text;
}

/** RFC 4180; a quote that is never closed ends with the text. */
function* csvRows(text: string): Generator<{ line: number; cells: string[] }, undefined> {
  let line = 1;
  let startedAt = 1;
  let cells: string[] = [];
  let cell = '';
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '\n') line++;
    if (isQuoted) {
      if (char !== '"') cell += char;
      else if (text[at + 1] === '"') {
        cell += '"';
        at++;
      } else isQuoted = false;
    } else if (char === '"' && cell === '') isQuoted = true;
    else if (char === ',') {
      cells.push(cell);
      cell = '';
    } else if (char === '\n') {
      yield { line: startedAt, cells: [...cells, cell] };
      cells = [];
      cell = '';
      startedAt = line;
    } else if (char !== '\r') cell += char;
  }
  if (cell !== '' || cells.length > 0) yield { line: startedAt, cells: [...cells, cell] };
}

function lastOfEach(cases: readonly ReadCase[]): ReadCase[] {
  const byRequest = new Map<string, ReadCase>();
  for (const each of cases) byRequest.set(JSON.stringify([each.query, each.group?.toLowerCase()]), each);
  return [...byRequest.values()];
}

export function writeCases(cases: readonly SearchCaseView[], format: CaseFormat): string {
  if (format === 'csv') {
    const rows = cases.map(({ query, expected, group, note }) =>
      [query, cellOfTools(expected), group ?? '', note].map(withGuard),
    );
    return [[...columns], ...rows].map((row) => `${row.map(csvCell).join(',')}\r\n`).join('');
  }
  return cases
    .map(({ query, expected, group, note }) =>
      JSON.stringify({ query, expected, ...(group !== null && { group }), ...(note !== '' && { note }) }),
    )
    .map((line) => `${line}\n`)
    .join('');
}
