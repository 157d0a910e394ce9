import { describe, expect, it } from 'vitest';
import { applyStatus, forgetLife, replaceStatuses, statusesOf } from '../../../../../app/_ui/live/statuses';
import type { ServerStatus } from '../../../../../lib/servers/schema';

const status = (id: string, version: number, state: ServerStatus['state'] = 'ready') =>
  ({ id, name: id, version, state }) as ServerStatus;

describe('server statuses', () => {
  it('drops a frame that is older than what is shown', () => {
    const known = statusesOf([status('a', 5)]);
    expect(applyStatus(known, status('a', 4, 'crashed'), 'w1')).toBe(known);
    expect(applyStatus(known, status('a', 6, 'crashed'), 'w1').byId.get('a')?.state).toBe('crashed');
  });

  it('takes the low versions of a new worker life', () => {
    const known = applyStatus(statusesOf([]), status('a', 50), 'w1');
    expect(applyStatus(known, status('a', 1, 'starting'), 'w2').byId.get('a')?.state).toBe('starting');
  });

  it('keeps a frame that overtook the answer of the API, and drops servers that the answer lacks', () => {
    let known = statusesOf([status('a', 1), status('gone', 1)]);
    known = applyStatus(known, status('a', 3, 'crashed'), 'w1');
    const fresh = replaceStatuses(known, [status('a', 2), status('new', 1), null]);
    expect([...fresh.byId.keys()]).toEqual(['a', 'new']);
    expect(fresh.byId.get('a')?.state).toBe('crashed');
  });

  it('believes the API after a worker restart', () => {
    const known = forgetLife(applyStatus(statusesOf([]), status('a', 50), 'w1'));
    expect(replaceStatuses(known, [status('a', 1, 'starting')]).byId.get('a')?.state).toBe('starting');
  });
});
