// The official conformance suite: first against the reference servers alone, which proves them, then through a hub, with
// a client of each era over a server of each era.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CredentialProxy, startCredentialProxy } from '../support/credential-proxy';
import { type Hub, startHub } from '../support/hub';
import { type Reference, type ReferenceEra, startReference } from '../support/reference';
import { until } from '../support/until';
import { type Deviation, deviations, faultsOf } from './deviations';
import { runServerSuite } from './suite';

let hub: Hub;
let proxy: CredentialProxy;
const references = {} as Record<ReferenceEra, Reference>;

beforeAll(async () => {
  [references.legacy, references.modern] = await Promise.all([startReference('legacy'), startReference('modern')]);
  hub = await startHub({
    config: { mcpServers: { legacy: { url: references.legacy.url }, modern: { url: references.modern.url } } },
  });
  proxy = await startCredentialProxy(hub.url, hub.apiKey);
});

afterAll(async () => {
  await proxy?.stop();
  await hub?.stop();
  await Promise.all(Object.values(references).map((each) => each.stop()));
});

/** Required scenarios, and checks that pass at the least, so that a run that tests nothing fails. */
const revisions = [
  { revision: '2025-11-25', scenarios: 30, passed: 65 },
  { revision: '2026-07-28', scenarios: 37, passed: 130 },
];

async function expectConformance(url: string, revision: (typeof revisions)[number], behind: Deviation['behind']) {
  const listed = deviations.filter(
    (each) => each.revision === revision.revision && ['any', behind].includes(each.behind),
  );
  const findings = await runServerSuite(url, revision.revision);
  expect(faultsOf(findings.failed, listed, findings.messages)).toEqual([]);
  if (listed.some(({ check }) => check === '*')) return;
  expect(findings.scenarios.length).toBeGreaterThanOrEqual(revision.scenarios);
  expect(findings.passed).toBeGreaterThanOrEqual(revision.passed);
}

describe.each(revisions)('the official suite of $revision', (revision) => {
  it('finds the reference server in order', async () => {
    const era = revision.revision === '2026-07-28' ? 'modern' : 'legacy';
    await expectConformance(references[era].url, revision, 'direct');
  });

  for (const behind of ['legacy', 'modern'] as const) {
    it(`finds the hub in order, with a ${behind} server behind it`, async () => {
      await until(
        () => isReady(behind),
        30_000,
        () => `${behind} never became ready:\n${hub.logs()}`,
      );
      await expectConformance(`${proxy.url}/api/mcp/${behind}`, revision, behind);
    });
  }
});

async function isReady(server: string): Promise<boolean> {
  const answer = await fetch(`${hub.url}/api/mcp/${server}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${hub.apiKey}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
    }),
  });
  const { result } = await answer.json();
  return result?.capabilities?.tools !== undefined;
}
