// What a row names is started as it stands: nothing in it is read by a shell, and nothing of the hub goes along.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { open, program, stdioFixture } from '../../../support/upstreams';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'injection-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const proof = () => join(dir, 'proof');
const attacks = () => [
  `; touch ${proof()}`,
  `$(touch ${proof()})`,
  `\`touch ${proof()}\``,
  `x\ntouch ${proof()}\n`,
  `| touch ${proof()}`,
  `&& touch ${proof()}`,
  `> ${proof()}`,
  `' ; touch ${proof()} ; '`,
  `" ; touch ${proof()} ; "`,
  '$HOME %PATH% *',
];

it('an argument and a variable reach the program byte for byte [T-INJECT-01]', async () => {
  const own = { ...process.env, PLANTED_OF_THE_HUB: 'secret', NODE_OPTIONS: '--no-warnings' };
  for (const attack of attacks()) {
    const target = { ...program(process.execPath, [stdioFixture, 'good', attack]), env: { PLANTED: attack } };
    const opened = open(target, {
      process: { marker: 'test:1', ownEnv: own, beforeStop: async () => {}, reap: async () => {} },
    });
    const upstream = await opened.opening;
    const { value } = await upstream.call('tools/call', { name: 'env' }, { timeoutMs: 5_000 }).answer;
    const seen = JSON.parse((value as { content: [{ text: string }] }).content[0].text) as Record<string, string>;
    expect(seen.PLANTED).toBe(attack);
    expect([seen.PLANTED_OF_THE_HUB, seen.NODE_OPTIONS]).toEqual([undefined, undefined]);
    await upstream.close();
  }
  expect(existsSync(proof())).toBe(false);
});

it('a command is the name of one program, and the words of a shell are part of that name [T-INJECT-01]', async () => {
  for (const attack of attacks()) {
    const error = await open(program(`${process.execPath} ${attack}`, [])).opening.then(
      () => null,
      (each: Error) => each,
    );
    expect(error?.message, attack).toBeTruthy();
  }
  expect(existsSync(proof())).toBe(false);
});
