import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKeyring, loadKeyring } from '../../../lib/access/keyring';

describe('master key', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'mcphub-keyring-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('is made once, for its owner only, and found again by the next program', () => {
    const dataDir = join(dir, 'new', 'data');
    const token = loadKeyring({ MCPHUB_DATA_DIR: dataDir }).seal('session', 'x');
    expect(loadKeyring({ MCPHUB_DATA_DIR: dataDir }).open('session', token)).toBe('x');
    expect(readdirSync(dataDir)).toEqual(['master.key']);
    expect(statSync(join(dataDir, 'master.key')).mode & 0o777).toBe(0o600);
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
  });

  it('is the same for programs that start at the same moment', async () => {
    const program = join(dir, 'program.mts');
    const source = join(import.meta.dirname, '../../../lib/access/keyring.ts');
    writeFileSync(
      program,
      `import { loadKeyring } from ${JSON.stringify(source)};
       process.send?.('up');
       process.on('message', () => process.send?.(loadKeyring({ MCPHUB_DATA_DIR: ${JSON.stringify(dir)} }).secretFor('x'), () => process.exit()));`,
    );
    const children = Array.from({ length: 6 }, () => fork(program, { execArgv: ['--import', 'tsx'] }));
    await Promise.all(children.map((child) => once(child, 'message')));
    const answers = children.map((child) => once(child, 'message'));
    for (const child of children) child.send('go');
    const secrets = (await Promise.all(answers)).map(([secret]) => secret);
    expect(new Set(secrets).size).toBe(1);
    await Promise.all(children.map((child) => child.exitCode ?? once(child, 'exit')));
    expect(readdirSync(dir).filter((name) => name.startsWith('master.key'))).toEqual(['master.key']);
  });

  it('comes from the settings where it is given, and then no file is made', () => {
    const key = randomBytes(32);
    const keyring = loadKeyring({ MCPHUB_DATA_DIR: dir, MCPHUB_MASTER_KEY: key.toString('base64') });
    expect(createKeyring(key).open('session', keyring.seal('session', 1))).toBe(1);
    expect(readdirSync(dir)).toEqual([]);
  });

  it.each([
    ['cut short', Buffer.alloc(16, 9).toString('base64'), /master key, which must be 32 bytes in base64, not 16/],
    ['empty', '', /must be 32 bytes/],
    ['guessable', Buffer.alloc(32).toString('base64'), /guessable/],
    ['typed', Buffer.from('correct horse battery staple 123').toString('base64'), /guessable/],
    ['a sequence', Buffer.from(Array.from({ length: 32 }, (_, index) => index * 7)).toString('base64'), /guessable/],
    ['no base64', `${randomBytes(31).toString('base64').slice(0, -1)}!`, /must be 32 bytes/],
  ])('that is %s stops the start with a clear line and is left as it is', (_what, text, message) => {
    const path = join(dir, 'master.key');
    writeFileSync(path, text);
    expect(() => loadKeyring({ MCPHUB_DATA_DIR: dir })).toThrow(message);
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('that cannot be read is not replaced', () => {
    mkdirSync(join(dir, 'master.key'));
    expect(() => loadKeyring({ MCPHUB_DATA_DIR: dir })).toThrow(/EISDIR/);
  });
});
