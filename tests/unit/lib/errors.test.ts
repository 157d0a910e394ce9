import { describe, expect, it } from 'vitest';
import { errorTable } from '../../../lib/errors';

/** JSON-RPC 2.0 §5.1, and those that revision 2026-07-28 defines. */
const ofTheSpecification = [-32700, -32600, -32601, -32602, -32603, -32020, -32021, -32022];

describe('the table of errors', () => {
  it('has codes of the specification or of our own, which no one else may use [N-RPC-07]', () => {
    for (const [name, { rpc }] of Object.entries(errorTable)) {
      // Sessions end in the older revisions only, whose official clients know them by this code.
      if (name === 'SESSION_NOT_FOUND') expect(rpc).toBe(-32001);
      else if (!ofTheSpecification.includes(rpc)) expect([name, rpc > 1000 && rpc < 2000]).toEqual([name, true]);
    }
  });
});
