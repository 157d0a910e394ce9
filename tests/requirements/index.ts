// All demands of the MCP specification that concern a gateway, what the hub promises when something
// fails, and what it withstands.
// tests/unit/requirements.test.ts compares them with the ids that tests cite.
import { sessionRequirements } from './session';
import { statelessRequirements } from './stateless';

export { type Fault, faults } from './faults';
export type { Requirement } from './requirement';
export { type Threat, threats } from './threats';
export { unmet } from './unmet';
export const requirements = [...sessionRequirements, ...statelessRequirements];
