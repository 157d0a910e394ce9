import type { LookupAddress, lookup as systemLookup } from 'node:dns';
import { describe, expect, it } from 'vitest';
import { createEgress } from '../../../../worker/upstream/egress';

const refused = (mode: string, url: string) => {
  try {
    createEgress(mode).checkUrl(new URL(url));
    return false;
  } catch (error) {
    expect(error).toMatchObject({ code: 'INVALID_INPUT', message: expect.stringContaining('address not allowed') });
    return true;
  }
};

describe('addresses that are refused in every mode', () => {
  const always = [
    'http://169.254.169.254/latest/meta-data',
    'http://169.254.1.1/',
    'http://2852039166/',
    'http://0xa9fea9fe/',
    'http://0251.0376.0251.0376/',
    'http://169.254.43518/',
    'http://[fe80::1]/',
    'http://[::ffff:169.254.169.254]/',
    'http://[::ffff:a9fe:a9fe]/',
    'http://[64:ff9b::169.254.169.254]/',
    'http://[2002:a9fe:a9fe::1]/',
    'http://[::169.254.169.254]/',
    'http://[fd00:ec2::254]/',
    'http://100.100.100.200/',
    'http://168.63.129.16/',
    'http://0.0.0.0/',
    'http://[::]/',
    'http://224.0.0.1/',
    'http://255.255.255.255/',
    'http://0xa9.0xfe.0xa9.0xfe/',
    'http://169.16689662/',
    'http://[64:ff9b:1::169.254.169.254]/',
    // The layout of a /48 (RFC 6052, 2.2): 169.254 before the octet of zeros, and behind it.
    'http://[64:ff9b:1:a9fe:a9:fe00::]/',
    'http://[::ffff:0:169.254.169.254]/',
    'http://[2001:db8::5efe:169.254.169.254]/',
    'http://[2001:db8::200:5efe:169.254.169.254]/',
    // Teredo: the server in the middle, the client inverted at the end.
    'http://[2001:0:a9fe:a9fe::1]/',
    'http://[2001:0:808:808:0:0:5601:5601]/',
    'http://[2002:6464:64c8::]/',
    'http://[fd20:ce::254]/',
    'http://metadata.google.internal/',
    'http://METADATA.google.internal./',
    'ftp://example.org/',
    'http://user:secret@example.org/',
  ];
  for (const mode of ['private-allowed', 'public-only', '0.0.0.0/0,::/0,metadata.google.internal']) {
    for (const url of always) {
      it(`${url} (${mode}) [T-SSRF-01]`, () => expect(refused(mode, url)).toBe(true));
    }
  }
});

describe('what a resolver gives', () => {
  it.each([
    ['fe80::1%eth0', false],
    ['fd00:ec2::254%eth0', false],
    ['fd20:ce::254%1', false],
    ['::ffff:169.254.169.254%lo', false],
    ['fd12::1%eth0', true],
    ['not an address', false],
    ['', false],
    ['10.0.0.1 ', false],
  ])('%j is allowed: %s [T-SSRF-02]', (address, allowed) => {
    expect(createEgress('private-allowed').allows(address)).toBe(allowed);
  });
});

describe('private-allowed', () => {
  for (const url of [
    'http://127.0.0.1:3001/mcp',
    'http://[::1]/',
    'http://10.1.2.3/',
    'https://8.8.8.8/',
    'http://host/',
  ]) {
    it(`lets ${url} pass`, () => expect(refused('private-allowed', url)).toBe(false));
  }
});

describe('public-only', () => {
  const inner = [
    '127.0.0.1',
    '2130706433',
    '0x7f.1',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '[::1]',
    '[fd12::1]',
    '0177.0.0.1',
    '017700000001',
    '0x7f000001',
    '127.1',
    '10.1',
    '0xa.1',
    '192.0.2.1',
    '198.18.0.1',
    '240.0.0.1',
    '[2001:db8::1]',
    '[100::1]',
  ];
  const wrapped = [
    '[::ffff:10.0.0.1]',
    '[64:ff9b::10.0.0.1]',
    '[2002:0a00:0001::]',
    '[2001:0:4136:e378:8000:63bf:f5ff:fffe]',
    '[::ffff:0:10.0.0.1]',
    '[64:ff9b:1::10.0.0.1]',
    '[2001:db8::5efe:10.0.0.1]',
    '[2001:0:a00:1:8000:63bf:3fff:fdd2]',
  ];
  for (const host of [...inner, ...wrapped]) {
    it(`refuses ${host}`, () => expect(refused('public-only', `http://${host}/`)).toBe(true));
  }
  for (const host of ['8.8.8.8', '[2606:4700::1111]', 'example.org']) {
    it(`lets ${host} pass`, () => expect(refused('public-only', `http://${host}/`)).toBe(false));
  }
});

describe('a list', () => {
  const egress = createEgress('10.1.0.0/16, api.example.org, *.inner.example, 2001:db8::/32');
  it('lets only its networks pass', () => {
    expect(
      ['10.1.2.3', '2001:db8::1', '10.2.0.1', '8.8.8.8', '127.0.0.1'].map((address) => egress.allows(address)),
    ).toEqual([true, true, false, false, false]);
  });
  it('lets any ordinary address of its hosts pass', () => {
    expect(egress.allows('192.168.7.7', 'API.example.org')).toBe(true);
    expect(egress.allows('192.168.7.7', 'a.b.inner.example')).toBe(true);
    expect(egress.allows('192.168.7.7', 'inner.example')).toBe(false);
    expect(egress.allows('192.168.7.7', 'evil-api.example.org')).toBe(false);
    expect(egress.allows('169.254.169.254', 'api.example.org')).toBe(false);
  });
});

describe('the lookup of a connect', () => {
  const resolving = (found: LookupAddress[]) =>
    ((_host: string, _options: object, callback: (error: null, found: LookupAddress[]) => void) =>
      callback(null, found)) as unknown as typeof systemLookup;
  const look = (mode: string, found: LookupAddress[], host = 'rebind.example') =>
    new Promise((resolve, reject) => {
      createEgress(mode, { resolve: resolving(found) }).lookup(host, { all: true }, (error, addresses) => {
        if (error) reject(error);
        else resolve(addresses);
      });
    });

  it('gives only allowed addresses of a name', async () => {
    const good = { address: '8.8.8.8', family: 4 };
    expect(await look('public-only', [{ address: '127.0.0.1', family: 4 }, good])).toEqual([good]);
  });

  it('fails when a name leads to refused addresses alone [F-HTTP-05]', async () => {
    const metadata = [{ address: '169.254.169.254', family: 4 }];
    await expect(look('private-allowed', metadata)).rejects.toMatchObject({ code: 'EGRESS_REFUSED' });
  });
});
