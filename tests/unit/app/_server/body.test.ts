import { describe, expect, it } from 'vitest';
import { readJson } from '../../../../app/_server/body';

function post(body: BodyInit | null, headers: Record<string, string> = { 'content-type': 'application/json' }) {
  return new Request('http://hub.invalid/', { method: 'POST', body, headers, duplex: 'half' } as RequestInit);
}

describe('readJson', () => {
  it('reads JSON with or without a charset', async () => {
    await expect(readJson(post('{"a":1}'))).resolves.toEqual({ a: 1 });
    await expect(readJson(post('[]', { 'content-type': 'Application/JSON; charset=utf-8' }))).resolves.toEqual([]);
  });

  it.each<[string, BodyInit | null]>([
    ['broken', '{"a":'],
    ['empty', ''],
    ['absent', null],
    ['with a byte order mark', new Uint8Array([0xef, 0xbb, 0xbf, 0x31])],
    ['not UTF-8', new Uint8Array([0x22, 0xff, 0x22])],
    ['UTF-16', new Uint8Array([0xff, 0xfe, 0x31, 0x00])],
  ])('refuses a body that is %s', async (_what, body) => {
    await expect(readJson(post(body))).rejects.toMatchObject({ code: 'PARSE_ERROR' });
  });

  it.each<[Record<string, string>]>([
    [{ 'content-type': 'text/plain' }],
    [{ 'content-type': 'application/x-www-form-urlencoded' }],
    [{ 'content-type': 'application/json', 'content-encoding': 'gzip' }],
  ])('refuses %j', async (headers) => {
    await expect(readJson(post('{}', headers))).rejects.toMatchObject({ code: 'UNSUPPORTED_MEDIA_TYPE' });
  });

  it('stops reading above 4 MiB, also when the length is not announced', async () => {
    let sent = 0;
    const endless = new ReadableStream({
      pull(controller) {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    await expect(readJson(post(endless))).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    expect(sent).toBeLessThan(6 * 1024 * 1024);
  });
});
