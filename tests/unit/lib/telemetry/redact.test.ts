// What may be stored of a call's arguments.
import { describe, expect, it } from 'vitest';
import { redactArguments, redactText, storable } from '../../../../lib/telemetry/redact';

describe('redactArguments', () => {
  it.each([
    ['password', 'hunter2'],
    ['apiKey', 'x'],
    ['API_KEY', 'x'],
    ['access_token', 'x'],
    ['Authorization', 'x'],
    ['client_secret', { deep: 'x' }],
    ['cookie', ['a=b']],
  ])('a field called %s is removed whatever it holds', (name, value) => {
    expect(redactArguments({ outer: { [name]: value } })).toEqual({ outer: { [name]: '[redacted]' } });
  });

  it.each([
    ['our own keys', `use mcphub_${'a1B2'.repeat(10)} here`, 'use [redacted] here'],
    ['bearer tokens', 'Authorization: Bearer abc.def-ghi', 'Authorization: Bearer [redacted]'],
    ['tokens of known services', 'ghp_0123456789abcdefghijABCDEFGHIJ012345', '[redacted]'],
    ['JSON web tokens', 'a eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF z', 'a [redacted] z'],
    ['long random words', 'x=Zk3tP9qLw8XvB2nM7rTy', 'x=Zk3tP9qLw8XvB2nM7rTy'],
    ['long random words of 24 and more', 'Zk3tP9qLw8XvB2nM7rTyA4cD', '[redacted]'],
    ['passwords in URLs', 'postgres://me:hunter2@db/x', 'postgres://me:[redacted]@db/x'],
    ['assignments in text', 'curl -d "password=hunter2&x=1"', 'curl -d "password=[redacted]&x=1"'],
  ])('%s are removed from text', (_what, text, expected) => {
    expect(redactText(text)).toBe(expected);
  });

  it.each([
    '3f2504e0-4f89-11d3-9a0c-0305e82c3301',
    'a-quite-long-file-name-with-many-words-2024.md',
    '/usr/local/share/some/long/path/to/a/file.txt',
    'https://example.com/a/rather/long/path?page=2',
    '1234567890123456789012345678901234567890',
  ])('%s is kept', (text) => {
    expect(redactText(text)).toBe(text);
  });

  it('counts of tokens, booleans and null are no secrets', () => {
    const harmless = { max_tokens: 5, maxTokens: 6, pageToken: 'p', token: null, secret: true };
    expect(redactArguments(harmless)).toEqual(harmless);
  });

  it.each([
    ['one long text', { text: 'word '.repeat(100_000) }],
    ['many texts', { list: Array.from({ length: 10_000 }, (_, index) => `item ${index}`) }],
    ['many keys', Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`key${index}`, index]))],
    ['deep nesting', JSON.parse(`${'{"a":'.repeat(500)}1${'}'.repeat(500)}`)],
    ['text that grows when it is escaped', { text: '\u0001'.repeat(5_000), more: ['\u0001'.repeat(5_000)] }],
    ['text of many bytes', { a: '漢'.repeat(1_000), b: '漢'.repeat(1_000), c: '漢'.repeat(1_000) }],
  ])('%s stays within 4 KiB', (_what, value) => {
    expect(Buffer.byteLength(JSON.stringify(redactArguments(value)))).toBeLessThanOrEqual(4_096);
  });

  it('text that Postgres refuses is mended', () => {
    expect(storable('a\0b\uD800c\uDC00d😀')).toBe('a\uFFFDb\uFFFDc\uFFFDd😀');
  });
});
