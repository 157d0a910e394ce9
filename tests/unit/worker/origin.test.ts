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

  it('hosts of MCPHUB_ALLOWED_HOSTS are ours, and their pages may ask [T-REBIND-01]', () => {
    const further = createOriginRules('127.0.0.1', 'http://127.0.0.1:3000', 'hub.lan, other.lan:8080, https://tls.lan');
    const hosts = ['hub.lan', 'HUB.lan:3000', 'other.lan:8080', 'other.lan', 'tls.lan', 'evil.lan', 'x.hub.lan'];
    expect(hosts.filter(further.allowsHost)).toEqual(['hub.lan', 'HUB.lan:3000', 'other.lan:8080', 'tls.lan']);
    expect(further.allowsOrigin('http://hub.lan:3000', 'hub.lan:3000')).toBe(true);
    expect(further.allowsOrigin('http://hub.lan:4000', 'hub.lan:3000')).toBe(false);
    expect(further.allowsOrigin('http://evil.lan', 'hub.lan:3000')).toBe(false);
  });

  it.each([
    ['10.1.2.3:3000', true],
    ['10.1.2.3', true],
    ['[fd00::7]:3000', true],
    ['localhost:3000', true],
    ['evil.example:3000', false],
    ['10.1.2.3.evil.example', false],
    ['10.1.2.3:99999999', false],
    [undefined, false],
  ])('a probe may name %s: %s', (host, allowed) => {
    expect(rules.allowsProbe(host)).toBe(allowed);
  });
});
