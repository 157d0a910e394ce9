// Demands that are not met, or that no test holds yet, each with its reason. An entry fails the tests once a test cites
// its id. One line each, so that whoever meets one takes off exactly that line.

const noOauth = 'Credentials are API keys; OAuth is neither offered nor used yet.';
const noMaximum = 'A call is ended by silence; progress can still extend it for ever.';
const noValidation = 'The hub validates nothing against the schemas of servers: it fetches, bounds and reads none.';
const untested = 'No test yet that could fail.';

export const unmet: Record<string, string> = {
  'N-RPC-07': untested,
  'N-META-06': untested,
  'N-CANCEL-06': untested,
  'N-RES-03': untested,
  'N-CACHE-04': untested,
  'N-COMP-01': untested,
  'N-META-02': untested,
  'N-META-03': untested,
  'N-VER-05': untested,
  'N-PARAM-08': untested,
  'N-STDIO-01': untested,
  'N-STDIO-03': untested,
  'N-STDIO-04': untested,
  'N-STDIO-07': untested,
  'N-RES-02': untested,
  'N-PAGE-02': untested,
  'N-AUTH-01': noOauth,
  'N-AUTH-03': noOauth,
  'N-AUTH-07': noOauth,
  'N-AUTH-08': noOauth,
  'N-AUTH-09': noOauth,
  'N-AUTH-10': noOauth,
  'N-AUTH-11': noOauth,
  'N-AUTH-12': noOauth,
  'N-AUTH-13': noOauth,
  'L-LIFE-08': noMaximum,
  'N-CANCEL-04': noMaximum,
  'N-RPC-10': noValidation,
  'N-RPC-11': noValidation,
  'N-RPC-12': noValidation,
  'L-STDIO-03': untested,
  'L-HTTP-02': untested,
  'L-HTTP-26': untested,
  'L-RES-02': untested,
};
