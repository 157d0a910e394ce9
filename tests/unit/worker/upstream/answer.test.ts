import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sliceAnswer } from '../../../../worker/upstream/answer';
import { createConnection } from '../../../../worker/upstream/connection';

/** A connection whose other side answers every request with the line that `reply` makes of its id. */
async function answerOf(reply: (id: string) => string | Buffer) {
  const connection = createConnection(
    'fixture',
    { send: (_text, id) => void queueMicrotask(() => id && connection.receive(Buffer.from(reply(id)))) },
    { notification: () => {}, hung: () => {} },
  );
  const { answer } = connection.call('tools/call', {}, { timeoutMs: 1000 });
  try {
    return await answer;
  } finally {
    connection.end(new (await import('../../../../lib/errors')).HubError('INTERRUPTED'));
  }
}

describe('the bytes of an answer', () => {
  const jsonObject = fc.dictionary(fc.string(), fc.jsonValue()) as fc.Arbitrary<Record<string, unknown>>;

  it('are exactly those of the result, in both usual envelopes', async () => {
    await fc.assert(
      fc.asyncProperty(jsonObject, async (result) => {
        const text = JSON.stringify(result);
        const value = JSON.parse(text);
        for (const envelope of [
          (id: string) => `{"jsonrpc":"2.0","id":"${id}","result":${text}}`,
          (id: string) => `{"result":${text},"jsonrpc":"2.0","id":"${id}"}`,
        ]) {
          expect(await answerOf(envelope)).toEqual({ kind: 'result', value, raw: Buffer.from(text) });
        }
      }),
      { numRuns: 50 },
    );
  });

  it('are those of an error too', async () => {
    const error = '{"code":-32602,"message":"no"}';
    expect(await answerOf((id) => `{"jsonrpc":"2.0","id":"${id}","error":${error}}`)).toMatchObject({
      kind: 'error',
      raw: Buffer.from(error),
    });
  });

  it('keep numbers and escapes as the server wrote them', async () => {
    const text = '{"n":1.00,"big":12345678901234567890,"s":"\\u00e4\\/"}';
    expect((await answerOf((id) => `{"jsonrpc":"2.0","id":"${id}","result":${text}}`)).raw?.toString()).toBe(text);
  });

  for (const [name, line] of Object.entries({
    'other key order': (id: string) => `{"id":"${id}","jsonrpc":"2.0","result":{"a":1}}`,
    'blanks in the envelope': (id: string) => `{"jsonrpc": "2.0", "id": "${id}", "result": {"a":1}}`,
    'a further key at the end': (id: string) => `{"jsonrpc":"2.0","id":"${id}","result":{"a":1},"x":{}}`,
    'a further key in between': (id: string) => `{"result":{"a":1},"x":{},"jsonrpc":"2.0","id":"${id}"}`,
    'a key given twice': (id: string) => `{"result":{"a":1},"id":"other","jsonrpc":"2.0","id":"${id}"}`,
    'an id given twice at the end': (id: string) => `{"jsonrpc":"2.0","id":"${id}","result":{"a":1},"jsonrpc":"2.0"}`,
    'a line break between tokens': (id: string) => `{"jsonrpc":"2.0","id":"${id}","result":{"a":\n1}}`,
  })) {
    it(`are not handed out for an envelope with ${name}, but the value is`, async () => {
      expect(await answerOf(line)).toEqual({ kind: 'result', value: { a: 1 }, raw: null });
    });
  }

  it('are not handed out when they are no valid UTF-8', async () => {
    const line = (id: string) =>
      Buffer.concat([
        Buffer.from(`{"jsonrpc":"2.0","id":"${id}","result":{"a":"`),
        Buffer.from([0xff]),
        Buffer.from('"}}'),
      ]);
    expect((await answerOf(line)).raw).toBeNull();
  });

  it('are never taken from a message that is no answer', () => {
    for (const line of [
      '',
      '}',
      '{}',
      '{"jsonrpc":"2.0","id":"x","method":"ping"}',
      '{"result":{}}',
      `{"result":"${'"'.repeat(3)}}`,
    ]) {
      expect(sliceAnswer(Buffer.from(line))).toBeNull();
    }
  });
});
