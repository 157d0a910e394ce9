import { describe, expect, it } from 'vitest';
import { createOriginRules } from '../../../worker/origin';

const rules = createOriginRules('0.0.0.0', 'https://hub.example.com');

describe('Host and Origin', () => {
  it.each([
    ['localhost', true],
    ['localhost:3000', true],
    ['LOCALHOST:80', true],
    ['127.0.0.1:4000', true],
    ['[::1]:3000', true],
    ['[::1]', true],
    ['hub.example.com', true],
    ['hub.example.com:8443', true],
    ['0.0.0.0:3000', false],
    ['evil.example', false],
    ['localhost.evil.example', false],
    ['hub.example.com.evil.example:3000', false],
    ['localhost:x', false],
    ['localhost@evil.example', false],
    ['', false],
    [undefined, false],
  ])('Host %s → %s', (host, allowed) => {
    expect(rules.allowsHost(host)).toBe(allowed);
  });

  it.each([
    ['https://hub.example.com', 'localhost:3000', true],
    ['http://localhost:3000', 'localhost:3000', true],
    ['http://localhost:8080', 'localhost:3000', false],
    ['http://hub.example.com', 'localhost:3000', false],
    ['https://evil.example', 'evil.example', false],
    ['null', 'localhost:3000', false],
    ['http://localhost:3000', undefined, false],
  ])('Origin %s with Host %s → %s', (origin, host, allowed) => {
    expect(rules.allowsOrigin(origin, host)).toBe(allowed);
  });

  it('the address listened on is ours', () => {
    expect(createOriginRules('192.168.1.5', 'http://192.168.1.5:3000').allowsHost('192.168.1.5:3000')).toBe(true);
    expect(createOriginRules('fd00::1', 'http://[fd00::1]:3000').allowsHost('[fd00::1]:3000')).toBe(true);
  });
});
