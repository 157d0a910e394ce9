// Errors in the log carry no value of a query: among them are secrets of servers and hashes of keys.
import { DrizzleQueryError } from 'drizzle-orm/errors';
import { describe, expect, it } from 'vitest';
import { asHubError } from '../../../lib/errors';
import { errorForLog } from '../../../lib/log';

const driverFault = Object.assign(new Error('invalid byte sequence'), {
  code: '22021',
  detail: 'Failing row contains (planted-in-detail)',
  parameters: ['planted-parameter'],
});
const failed = new DrizzleQueryError(
  'insert into servers values ($1, $2)',
  ['planted-1\n    at planted-2', 2],
  driverFault,
);

describe('an error in the log', () => {
  it('shows query, cause, code and stack of a failed query, but none of its values', () => {
    const shown = errorForLog(failed);
    expect(shown.message).toBe('Failed query: insert into servers values ($1, $2): invalid byte sequence');
    expect(shown.code).toBe('22021');
    expect(shown.stack).toMatch(/^ +at .*log\.test/);
    expect(shown.stack).toContain('caused by:');
    expect(JSON.stringify(shown)).not.toContain('planted');
  });

  it('shows none in the detail of the error that callers get instead', () => {
    const { message, extras } = asHubError(failed);
    expect(message).not.toContain('insert');
    expect(extras.detail).toBe('Failed query: insert into servers values ($1, $2)');
  });

  it('may be anything that was thrown', () => {
    expect(errorForLog('text')).toEqual({ type: 'string', message: 'text' });
    const circular = new Error('a');
    circular.cause = circular;
    expect(errorForLog(circular).message).toMatch(/^a(: a)*$/);
  });
});
