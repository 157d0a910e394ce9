import { describe, expect, it } from 'vitest';
import { HubError } from '../../../../lib/errors';
import type { ServerNode } from '../../../../worker/gateway/catalog/endpoints';
import { Running } from '../../../../worker/gateway/relay';
import { createRepeats } from '../../../../worker/gateway/repeat';
import type { Upstream } from '../../../../worker/upstream/types';

const upstream = {} as Upstream;
const { after } = createRepeats({
  supervisor: { on: () => () => undefined, upstreamOf: () => upstream },
  toolOf: (_server, name) => ({ name, annotations: name === 'odd' ? { readOnlyHint: 1 } : { idempotentHint: true } }),
  random: () => 0,
});
const overlays = new Map([['denied', { annotations: { readOnlyHint: true, idempotentHint: false } }]]);
const server = { id: 'one', repeatSafeCalls: true, overlays } as unknown as ServerNode;

function attempt(error: HubError, params: Record<string, unknown> = { name: 'safe' }, method = 'tools/call') {
  const running = new Running({ id: 1, session: null, exchange: null, client: null });
  return after(error, { server, method, params, running, untilMs: performance.now() + 1000 });
}

const broken = new HubError('INTERRUPTED', undefined, { reason: 'cut' });

describe('a request whose connection broke', () => {
  it('is repeated if it is a read, or of a tool that says it may be', async () => {
    expect(await attempt(broken)).toBe(upstream);
    for (const method of ['resources/read', 'prompts/get', 'completion/complete']) {
      expect(await attempt(broken, {}, method)).toBe(upstream);
    }
  });

  it.each([
    ['a hint that is no boolean', 'tools/call', { name: 'odd' }],
    ['a tool of which an administrator says that it is not safe', 'tools/call', { name: 'denied' }],
    ['a task that would be begun twice', 'tools/call', { name: 'safe', task: {} }],
    ['answers of the client that are good once', 'tools/call', { name: 'safe', inputResponses: {} }],
    ['a state that is good once', 'resources/read', { uri: 'x:', requestState: 's' }],
    ['another method', 'tasks/cancel', { taskId: 't' }],
  ])('is not repeated: %s', async (_why, method, params) => {
    await expect(attempt(broken, params, method)).rejects.toBe(broken);
  });

  it.each([
    new HubError('UPSTREAM_TIMEOUT', undefined, { reason: 'timeout' }),
    new HubError('CANCELLED'),
    new HubError('BUSY'),
    new HubError('UPSTREAM_BAD_ANSWER', undefined, { reason: 'bad-answer' }),
    new HubError('UPSTREAM_UNAVAILABLE', undefined, { reason: 'http-500' }),
    new HubError('UPSTREAM_NEEDS_AUTH', undefined, { reason: 'needs-auth' }),
    new HubError('INTERRUPTED', undefined, { reason: 'memory-limit' }),
    new HubError('INTERRUPTED', undefined, { reason: 'hung' }),
  ])('is not repeated after a failure of another kind: %s', async (error) => {
    await expect(attempt(error)).rejects.toBe(error);
  });
});
