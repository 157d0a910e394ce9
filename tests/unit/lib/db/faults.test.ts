import { describe, expect, it } from 'vitest';
import { asDatabaseFault, isDatabaseUnavailable, rootMessage, violatedConstraint } from '../../../../lib/db/faults';
import { HubError } from '../../../../lib/errors';

const failed = (fields: Record<string, unknown>) => Object.assign(new Error('driver text'), fields);
/** As drizzle hands it on. */
const wrapped = (fields: Record<string, unknown>) => new Error('Failed query: select 1', { cause: failed(fields) });

describe('faults of the database', () => {
  it.each([
    'ECONNREFUSED',
    'ENOENT',
    'CONNECTION_CLOSED',
    'CONNECT_TIMEOUT',
    '57P01',
    '57014',
    '53300',
    '08006',
    '3D000',
  ])('a query that failed with %s found the database unavailable', (code) => {
    expect([isDatabaseUnavailable(failed({ code })), isDatabaseUnavailable(wrapped({ code }))]).toEqual([true, true]);
  });

  it.each(['23505', '42P01', '22P02', 'MAX_PARAMETERS_EXCEEDED', undefined])(
    'a query that failed with %s is its own fault',
    (code) => {
      expect(isDatabaseUnavailable(wrapped({ code }))).toBe(false);
    },
  );

  it('becomes UNAVAILABLE with a text for people and the cause for the log', () => {
    const fault = asDatabaseFault(wrapped({ code: 'ECONNREFUSED' }));
    expect(fault).toMatchObject({ code: 'UNAVAILABLE', extras: { retryable: true, detail: 'driver text' } });
    expect((fault as Error).message).not.toContain('select');
  });

  it('becomes STORAGE_FULL where the disk is full, and says what helps', () => {
    const fault = asDatabaseFault(wrapped({ code: '53100' }));
    expect(fault).toMatchObject({
      code: 'STORAGE_FULL',
      extras: { retryable: true, hint: expect.stringContaining('room') },
    });
    expect(isDatabaseUnavailable(wrapped({ code: '53100' }))).toBe(true);
  });

  it('leaves every other error as it is', () => {
    const conflict = new HubError('CONFLICT');
    const other = wrapped({ code: '23505' });
    expect([asDatabaseFault(conflict), asDatabaseFault(other), asDatabaseFault('text')]).toEqual([
      conflict,
      other,
      'text',
    ]);
  });

  it('names the constraint that refused a row', () => {
    expect(violatedConstraint(wrapped({ code: '23505', constraint_name: 'a_key' }))).toBe('a_key');
    expect(violatedConstraint(wrapped({ code: '42P01', constraint_name: 'a_key' }))).toBeUndefined();
    expect(violatedConstraint(undefined)).toBeUndefined();
  });

  it('survives causes that lead back to themselves', () => {
    const loop = failed({ code: 'X' });
    loop.cause = loop;
    expect([isDatabaseUnavailable(loop), rootMessage(loop)]).toEqual([false, 'driver text']);
  });
});
