import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { Exchange } from '../../../../worker/gateway/http/exchange';
import type { Running } from '../../../../worker/gateway/relay';
import { ModernCall } from '../../../../worker/gateway/stateless/modern-call';

/** A call whose POST notes what is sent on it. */
function begin() {
  const sent: unknown[] = [];
  const exchange = {
    notify: (method: string) => void sent.push(method),
    answer: (id: unknown) => void sent.push(id),
    keepAlive: () => void sent.push('keep-alive'),
  } as unknown as Exchange;
  const response = Object.assign(new EventEmitter(), { destroyed: false, writableEnded: false, socket: {} });
  const asking = { actor: { kind: 'key', id: 'a' }, method: 'tools/call', params: { name: 'x' } } as never;
  const host = { askClient: () => void sent.push('question'), isInterim: () => false };
  const envelope = { capabilities: { roots: {} }, clientName: null, logLevel: 'debug' };
  const call = new ModernCall(asking, envelope, {} as never, host);
  call.attach(exchange, response as unknown as ServerResponse, 7, 'token');
  return { call, sent, response };
}

describe('a call of a client without sessions', () => {
  it('sends what belongs to it while its client listens', () => {
    const { call, sent } = begin();
    call.notify('notifications/progress', { progress: 1 });
    call.notify('notifications/message', { level: 'info', data: 'x' });
    call.finish({ reply: { kind: 'result', body: '{}' }, status: 200 });
    call.notify('notifications/progress', { progress: 2 });
    expect(sent).toEqual(['notifications/progress', 'notifications/message', 7]);
  });

  it('sends nothing once its client has cancelled it by closing the stream, whatever the server still says [N-CANCEL-06]', async () => {
    const { call, sent, response } = begin();
    let reason = '';
    const cancel = (why: string) => {
      reason = why;
    };
    call.started({ cancel } as unknown as Running);
    const question = call.ask('roots/list', undefined, new AbortController().signal);
    response.emit('close');
    expect(reason).toContain('closed');
    expect(await question).toMatchObject({ kind: 'error' });
    call.notify('notifications/progress', { progress: 1 });
    call.notify('notifications/message', { level: 'error', data: 'x' });
    expect(await call.ask('roots/list', undefined, new AbortController().signal)).toMatchObject({ kind: 'error' });
    call.keepAlive(0);
    call.finish({ reply: { kind: 'result', body: '{}' }, status: 200 });
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toEqual([]);
  });
});
