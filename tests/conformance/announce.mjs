// The client that the conformance suite starts for each scenario: it hands the scenario to the test, in whose process the
// hub connects to the scenario's server, and ends with what came of it.
const { MCPHUB_TEST_DRIVER = '', MCP_CONFORMANCE_SCENARIO, MCP_CONFORMANCE_CONTEXT } = process.env;
const answer = await fetch(MCPHUB_TEST_DRIVER, {
  method: 'POST',
  body: JSON.stringify({
    scenario: MCP_CONFORMANCE_SCENARIO,
    url: process.argv[2],
    context: JSON.parse(MCP_CONFORMANCE_CONTEXT ?? '{}'),
  }),
});
if (!answer.ok) {
  process.stderr.write(`${await answer.text()}\n`);
  process.exit(1);
}
